import declarative as dc

dc.compile("""\
problem scale
  given a: real[n] = 1
  find x: real[n]
  root x = 2 * a
""")()
