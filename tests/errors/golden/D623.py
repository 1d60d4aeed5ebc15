import declarative as dc

dc.compile("problem p", extern=["cell"])
