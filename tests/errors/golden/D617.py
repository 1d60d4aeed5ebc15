import declarative as dc

dc.compile("""\
problem double
  given a: real
  find x: real
  root x = 2 * a

problem half
  given a: real
  find x: real
  root 2 * x = a
""")
