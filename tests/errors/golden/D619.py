import declarative as dc

dc.load("no/such/file.decl")
