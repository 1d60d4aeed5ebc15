"""Matrix-free linear and quadratic programs: operators, equilibration, the iteration, certificates, polish."""
