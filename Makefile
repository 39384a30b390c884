# One command per job. Each installs what it needs first: a fresh clone needs only Python (3.11, 3.12 or 3.13) and make.
# PIP_ARGS is passed to pip, PYTHON names an interpreter, and JOBS sets how many lessons (default: one per processor) or tests (2) run at once.

PY := .venv/bin/python
PORT ?= 8000
export OMP_NUM_THREADS := 1
export PYTHON

.DEFAULT_GOAL := help
.PHONY: $(shell sed -n 's/^\([a-z]*\):.*\#\# .*/\1/p' Makefile)

help:  ## List all commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' Makefile

setup:  ## Create .venv and install the pinned environment (other commands do this when needed)
	@sh tools/setup.sh $(if $(filter setup,$(MAKECMDGOALS)),,--quiet) $(PIP_ARGS)

book: setup  ## Run the lessons that changed and build the site
	@$(PY) -m tools.build $(if $(JOBS),--jobs $(JOBS))

offline: setup  ## Build the book without the data files, into _build/offline
	@$(PY) -m tools.build --offline $(if $(JOBS),--jobs $(JOBS))

pdf: book  ## Build the book as one PDF (needs xelatex and latexmk)
	@$(PY) -m tools.pdf

serve: setup  ## Serve the built book at http://localhost:8000 (PORT=8001 for another port)
	@$(PY) -m tools.serve --port $(PORT)

test: lint book offline  ## Check everything: style, import rules, the book with and without data files, all tests
	$(PY) -m pytest -n $(or $(JOBS),2) --dist loadfile

lint: setup  ## Check style and import rules only
	$(PY) -m ruff check .
	$(PY) -c "from importlinter.cli import lint_imports_command as main; main()"

mutants: setup  ## Plant faults in a copy of rnnlib and check that a test catches each (ONLY=lstm for some)
	@$(PY) tests/mutants/run.py $(ONLY)

claims: setup  ## Measure the lessons' claims over several seeds, where the code changed (LESSON=adding for one)
	@$(PY) -m tools.claims $(if $(JOBS),--jobs $(JOBS)) $(LESSON)

kills: setup  ## Kill the grader 50 times at random and check that every submission is graded once
	@$(PY) tests/proofs/kills.py

seeds: setup  ## Grade every collected wrong answer to a lab for 200 students: the same mark each time (takes an hour)
	@ALL_STUDENTS=1 $(PY) -m pytest tests/labs -k 200_students -n $(or $(JOBS),2)

binder: book  ## Make Binder's environment and open and run the lessons there in a browser (RNNLIB_DATA names the data)
	@$(PY) tests/proofs/binder.py $(LESSON)

bench: setup  ## Measure the claims about speed on this machine
	@set -e; for script in benchmarks/*.py; do echo "== $$script"; $(PY) "$$script"; done

package: setup  ## Build rnnlib's wheel and sdist, and use them in fresh environments (needs the package index)
	@$(PY) tests/proofs/package.py $(PIP_ARGS)

picture: book  ## Draw the picture of a lesson that the README shows (needs Chromium or Chrome)
	@$(PY) -m tools.picture

# Labs: N=2 or LAB=lab02_rnn chooses the lab, FLAGS passes options. labs/README.md explains what each step reads and writes.
WHICH = $(if $(or $(LAB),$(N)),--lab $(or $(LAB),$(N))) $(FLAGS)

notebooks: setup  ## Open the lessons in JupyterLab; what you change in notebooks/ stays yours
	@$(PY) -m tools.notebooks --open

lab: setup  ## Open a lab as students see it (N=2)
	@$(PY) -m labs.grading open $(WHICH)

release: setup  ## Teachers: write the students' notebook of a lab (N=2)
	@$(PY) -m labs.grading release $(WHICH)

kit: setup  ## Teachers: write one zip with all that a student needs for a lab (N=2)
	@$(PY) -m labs.grading kit $(WHICH)

collect: setup  ## Teachers: import the downloaded submissions (N=2)
	@$(PY) -m labs.grading collect $(WHICH)

grade: setup  ## Teachers: grade the collected submissions (N=2)
	@$(PY) -m labs.grading grade $(WHICH)

feedback: setup  ## Teachers: write a page for each student (N=2)
	@$(PY) -m labs.grading feedback $(WHICH)

bundle: setup  ## Teachers: write the feedback as one zip for Canvas or Moodle (N=2)
	@$(PY) -m labs.grading bundle $(WHICH)

mail: setup  ## Teachers: mail the feedback; shows who would get one until FLAGS has --send (N=2)
	@$(PY) -m labs.grading mail $(WHICH)

export: setup  ## Teachers: write the grades as CSV (N=2)
	@$(PY) -m labs.grading export $(WHICH)

gradebook: setup  ## Teachers: write the grades of all labs in one CSV
	@$(PY) -m labs.grading gradebook $(FLAGS)

report: setup  ## Teachers: write a report on the grading so far (N=2)
	@$(PY) -m labs.grading report $(WHICH)

similar: setup  ## Teachers: write a page of similar submissions (N=2)
	@$(PY) -m labs.grading similar $(WHICH)

solutions: setup  ## Teachers: run the model answers and write them as a private page (N=2)
	@$(PY) -m labs.grading solutions $(WHICH)

clean:  ## Remove what was built, but keep .venv
	rm -rf _build
