# make serve: set everything up and open the live app on loopback.  make test: set up, check, test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-stamp
PORT ?= 8080
SYSTEM_PACKAGES := ffmpeg espeak-ng chromium

.PHONY: serve test setup system check format clean

serve: setup
	$(BIN)/python -m server --port $(PORT) --open

test: setup check
	$(BIN)/python -m pytest -m "not slow and not soak and not gpu"

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

setup: system $(STAMP)

$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	touch $@

# System programs: installed where this user may, named where not.
system:
	@missing=""; \
	for p in $(SYSTEM_PACKAGES); do command -v $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	$(PYTHON) -c "import ensurepip" >/dev/null 2>&1 || missing="$$missing python3-venv"; \
	{ /sbin/ldconfig -p 2>/dev/null || echo libGL.so.1; } | grep -q "libGL\.so\.1" || missing="$$missing libgl1"; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	    echo "installing system packages:$$missing"; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing >/dev/null; \
	  else \
	    echo "These system packages are missing:$$missing"; \
	    echo "  install them with: sudo apt-get install$$missing"; \
	    echo "  (ffmpeg: files in and out; espeak-ng: speech example and voice training; chromium: browser tests; libgl1: OpenCV)"; \
	  fi; \
	fi

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
