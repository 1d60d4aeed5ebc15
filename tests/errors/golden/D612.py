import declarative as dc

dc.compile("""\
problem run
  given x0: real, T: static int
  find x: real[T]
  root x = x0 * ones(T)
""")(1.0, 2.5)
