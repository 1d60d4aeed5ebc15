import declarative as dc

dc.explain("D000")
