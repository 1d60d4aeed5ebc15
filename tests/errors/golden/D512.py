import declarative as dc

w = dc.find("n")
