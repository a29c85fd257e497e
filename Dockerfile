# An image with the package, all of its extras and the workflow, at the locked versions:
#
#   docker build -t hypervae .                               PyTorch's CPU build
#   docker build -t hypervae:cuda --build-arg TORCH=cuda .   its CUDA build
#
# docs/installation.md shows how to run it.
ARG PYTHON=3.12
FROM python:${PYTHON}-slim
ARG TORCH=cpu

COPY pyproject.toml README.md LICENSE /opt/hypervae/
COPY requirements /opt/hypervae/requirements
COPY hypervae /opt/hypervae/hypervae
COPY workflow /opt/hypervae/workflow
COPY config /opt/hypervae/config
COPY envs /opt/hypervae/envs
COPY profiles /opt/hypervae/profiles

# The same as `make setup`.
ENV PIP_NO_CACHE_DIR=1
RUN python /opt/hypervae/requirements/install.py /opt/venv --torch "$TORCH"
ENV PATH=/opt/venv/bin:$PATH

# Written when jobs run, as any user: compiled kernels, the list of fonts, Snakemake's copies of sources.
ENV NUMBA_CACHE_DIR=/tmp/numba MPLCONFIGDIR=/tmp/matplotlib XDG_CACHE_HOME=/tmp/cache
RUN hypervae doctor

WORKDIR /work
CMD ["hypervae", "--help"]
