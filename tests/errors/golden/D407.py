import declarative as dc

dc.compile("""\
extern def cell(z: real[n], x: real[n]) -> real[n]

problem deq
  given x: real[n]
  find z: real[n]
  fixed point z = cell(z, x)
""")
