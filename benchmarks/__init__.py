"""Scripts that measure: correctness on stored problem sets, start-up, speed. Each says in its head how to run it."""
