# One command per job. Each installs what it needs first: a fresh clone needs only Python, make and git.
# PIP_ARGS is passed to pip, PYTHON names an interpreter, and JOBS sets how many lessons (default: one per processor) or tests (2) run at once.

PY := .venv/bin/python
ENVIRONMENT := .venv/.installed
PORT ?= 8000
export OMP_NUM_THREADS := 1

.DEFAULT_GOAL := help
.PHONY: $(shell sed -n 's/^\([a-z]*\):.*\#\# .*/\1/p' Makefile)

help:  ## List all commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' Makefile

setup: $(ENVIRONMENT)  ## Create .venv and install the pinned environment (other commands do this when needed)

$(ENVIRONMENT): requirements.txt pyproject.toml
	@PYTHON='$(PYTHON)' sh tools/setup.sh $(PIP_ARGS)

book: $(ENVIRONMENT)  ## Run the lessons that changed and build the site
	@$(PY) -m tools.build $(if $(JOBS),--jobs $(JOBS))

offline: $(ENVIRONMENT)  ## Build the book without the data files, into _build/offline
	@$(PY) -m tools.build --offline $(if $(JOBS),--jobs $(JOBS))

pdf: book  ## Build the book as one PDF (needs xelatex and latexmk)
	@$(PY) -m tools.pdf

serve: $(ENVIRONMENT)  ## Serve the built book at http://localhost:8000 (PORT=8001 for another port)
	@$(PY) -m tools.serve --port $(PORT)

test: lint book offline  ## Check everything: style, import rules, the book with and without data files, all tests
	$(PY) -m pytest -n $(or $(JOBS),2) --dist loadfile

lint: $(ENVIRONMENT)  ## Check style and import rules only
	$(PY) -m ruff check .
	.venv/bin/lint-imports

mutants: $(ENVIRONMENT)  ## Plant faults in a copy of rnnlib and check that a test catches each (ONLY=lstm for some)
	@$(PY) tests/mutants/run.py $(ONLY)

claims: $(ENVIRONMENT)  ## Measure the lessons' claims over several seeds, where the code changed (LESSON=adding for one)
	@$(PY) -m tools.claims $(if $(JOBS),--jobs $(JOBS)) $(LESSON)

kills: $(ENVIRONMENT)  ## Kill the grader 50 times at random and check that every submission is graded once
	@$(PY) tests/proofs/kills.py

bench: $(ENVIRONMENT)  ## Measure the claims about speed on this machine
	@set -e; for script in benchmarks/*.py; do echo "== $$script"; $(PY) "$$script"; done

package: $(ENVIRONMENT)  ## Build rnnlib's wheel and sdist, and use them in fresh environments (needs the package index)
	@$(PY) tests/proofs/package.py $(PIP_ARGS)

picture: book  ## Draw the picture of a lesson that the README shows (needs Chromium or Chrome)
	@$(PY) -m tools.picture

# Labs: N=2 or LAB=lab02_rnn chooses the lab, FLAGS passes options. labs/README.md explains what each step reads and writes.
WHICH = $(if $(or $(LAB),$(N)),--lab $(or $(LAB),$(N))) $(FLAGS)

notebooks: $(ENVIRONMENT)  ## Open the lessons in JupyterLab; what you change in notebooks/ stays yours
	@$(PY) -m tools.notebooks --open

lab: $(ENVIRONMENT)  ## Open a lab as students see it (N=2)
	@$(PY) -m labs.grading open $(WHICH)

release: $(ENVIRONMENT)  ## Teachers: write the students' notebook of a lab (N=2)
	@$(PY) -m labs.grading release $(WHICH)

collect: $(ENVIRONMENT)  ## Teachers: import the downloaded submissions (N=2)
	@$(PY) -m labs.grading collect $(WHICH)

grade: $(ENVIRONMENT)  ## Teachers: grade the collected submissions (N=2)
	@$(PY) -m labs.grading grade $(WHICH)

feedback: $(ENVIRONMENT)  ## Teachers: write a page for each student (N=2)
	@$(PY) -m labs.grading feedback $(WHICH)

export: $(ENVIRONMENT)  ## Teachers: write the grades as CSV (N=2)
	@$(PY) -m labs.grading export $(WHICH)

report: $(ENVIRONMENT)  ## Teachers: write a report on the grading so far (N=2)
	@$(PY) -m labs.grading report $(WHICH)

similar: $(ENVIRONMENT)  ## Teachers: write a page of similar submissions (N=2)
	@$(PY) -m labs.grading similar $(WHICH)

solutions: $(ENVIRONMENT)  ## Teachers: run the model answers and write them as a private page (N=2)
	@$(PY) -m labs.grading solutions $(WHICH)

clean:  ## Remove what was built, but keep .venv
	rm -rf _build
