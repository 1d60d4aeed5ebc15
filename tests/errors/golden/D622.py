import declarative as dc

dc.compile(b"problem p")
