# One verb per job. Each makes what it needs first, from a bare clone: only Python 3.11 or newer, make and git are asked for.
# PIP_ARGS goes to pip, PYTHON names an interpreter, JOBS is how many lessons or tests run at a time.
# (Lessons: as many as there are processors; tests: 2.)

PY := .venv/bin/python
ENVIRONMENT := .venv/.installed
PORT ?= 8000
export OMP_NUM_THREADS := 1

.DEFAULT_GOAL := help
.PHONY: help setup book pdf serve test lint mutants claims kills bench picture lab release collect grade feedback export report similar solutions clean

help:  ## Show the verbs
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' Makefile

setup: $(ENVIRONMENT)  ## Make .venv and install the pinned environment (the other verbs do it when needed)

$(ENVIRONMENT): requirements.txt pyproject.toml
	@PYTHON='$(PYTHON)' sh tools/setup.sh $(PIP_ARGS)

book: $(ENVIRONMENT)  ## Run the lessons that changed and build the site
	@$(PY) -m tools.build $(if $(JOBS),--jobs $(JOBS))

pdf: book  ## The book as one PDF (needs xelatex and latexmk)
	@$(PY) -m tools.pdf

serve: $(ENVIRONMENT)  ## Read the built book at http://localhost:8000 (PORT=8001 for another port)
	@$(PY) -m tools.serve --port $(PORT)

test: lint book  ## Everything that must hold: style, import rules, the book, all tests
	$(PY) -m pytest -n $(or $(JOBS),2) --dist loadfile

lint: $(ENVIRONMENT)  ## Style and import rules only
	$(PY) -m ruff check .
	.venv/bin/lint-imports

mutants: $(ENVIRONMENT)  ## Plant faults in a copy of rnnlib: does a test see each? (ONLY=lstm for some)
	@$(PY) tests/mutants/run.py $(ONLY)

claims: $(ENVIRONMENT)  ## Measure what the lessons claim over several seeds, where the code changed (LESSON=adding for one)
	@$(PY) -m tools.claims $(if $(JOBS),--jobs $(JOBS)) $(LESSON)

kills: $(ENVIRONMENT)  ## Kill the grader 50 times at random moments: is every submission graded once?
	@$(PY) tests/proofs/kills.py

bench: $(ENVIRONMENT)  ## Measure the claims of speed on this machine
	@set -e; for script in benchmarks/*.py; do echo "== $$script"; $(PY) "$$script"; done

picture: book  ## Draw the picture of a lesson that the README shows (needs Chromium or Chrome)
	@$(PY) -m tools.picture

# The road of a lab: N=2 or LAB=lab02_rnn names it, FLAGS go to the step. What each step reads and writes: labs/README.md
WHICH = $(if $(or $(LAB),$(N)),--lab $(or $(LAB),$(N))) $(FLAGS)

lab: $(ENVIRONMENT)  ## Open a lab as a student does (N=2)
	@$(PY) -m labs.grading open $(WHICH)

release: $(ENVIRONMENT)  ## Teachers: make the students' notebook of a lab (N=2)
	@$(PY) -m labs.grading release $(WHICH)

collect: $(ENVIRONMENT)  ## Teachers: take in the downloaded submissions (N=2)
	@$(PY) -m labs.grading collect $(WHICH)

grade: $(ENVIRONMENT)  ## Teachers: grade the collected submissions (N=2)
	@$(PY) -m labs.grading grade $(WHICH)

feedback: $(ENVIRONMENT)  ## Teachers: write a page for each student (N=2)
	@$(PY) -m labs.grading feedback $(WHICH)

export: $(ENVIRONMENT)  ## Teachers: write the grades as CSV (N=2)
	@$(PY) -m labs.grading export $(WHICH)

report: $(ENVIRONMENT)  ## Teachers: write a page with the state of the grading (N=2)
	@$(PY) -m labs.grading report $(WHICH)

similar: $(ENVIRONMENT)  ## Teachers: write a page of submissions that resemble each other (N=2)
	@$(PY) -m labs.grading similar $(WHICH)

solutions: $(ENVIRONMENT)  ## Teachers: run a lab's model answers and write them as a private page (N=2)
	@$(PY) -m labs.grading solutions $(WHICH)

clean:  ## Remove what was built; .venv stays
	rm -rf _build
