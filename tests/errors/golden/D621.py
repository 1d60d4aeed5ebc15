import declarative as dc

dc.declarative(3)
