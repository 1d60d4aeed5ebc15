import declarative as dc

dc.nn.Layer(
    dc.compile("""\
problem affine
  given W: real[k, d], x: real[d]
  find z: real[k]
  root z = W @ x
"""),
    learn=["W"],
    sizes={"d": 3},
)
