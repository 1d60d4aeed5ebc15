import declarative as dc

dc.compile("problem free\n  given c: real[n]\n  find x: real[n]\n  minimize ||x - c||^2", backend="jaxx")
