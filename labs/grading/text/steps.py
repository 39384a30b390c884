"""What every lab says about its time limit, saving and handing in: `source.notebook` puts it where a lab has one of these comments."""

TIME = (
    "In grading, a cell or a call of one of your functions may take 20 seconds of processor time, "
    "and the whole notebook with its tests two minutes."
)
BEGIN = f"""{TIME}
Processor time is the time that a computer works on your code, not the time on the clock.

Save often: Ctrl+S, or Cmd+S on a Mac.
Before you hand in, choose *Kernel*, *Restart Kernel and Run All Cells*, save, and validate in a terminal:
`.venv/bin/python -m nbgrader validate {{lab}}.ipynb`, on Windows `.venv\\Scripts\\python -m nbgrader validate {{lab}}.ipynb`.
Then hand in this file, `{{lab}}.ipynb`, where your course collects the lab. [The last section](#Hand-in) says more."""

HAND_IN = """## Hand in

1. **Run all.** Choose *Kernel*, *Restart Kernel and Run All Cells*.
   It stops at the first error: to go on behind it, select the next cell and choose *Run*, *Run Selected Cell and All Below*.
2. **Save.** Ctrl+S, or Cmd+S on a Mac.
3. **Validate.** Open a terminal (in JupyterLab: *File*, *New*, *Terminal*), go to the folder of this notebook and run
   `.venv/bin/python -m nbgrader validate {lab}.ipynb`, on Windows `.venv\\Scripts\\python -m nbgrader validate {lab}.ipynb`.
   In the terminal of a lab that you opened with `make lab`, or on Binder, it is `python -m nbgrader validate {lab}.ipynb`.
   It repeats the checks above; where one fails, it still runs the others.
   Its `Success! Your notebook passes all the tests.` speaks of these checks only: the hidden tests are not in your notebook,
   so it says nothing about your points.
4. **Hand in** the file `{lab}.ipynb`, under this name, where your course collects the lab."""

PLACES = {"<!-- begin -->": BEGIN, "<!-- hand in -->": HAND_IN}
