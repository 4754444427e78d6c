# Airflow's own image and what it lacks for Preheat. Nothing of Airflow's is replaced: the lock gives
# the version of each package that the image does not hold, and `pip check` proves that they agree.
ARG AIRFLOW_IMAGE=apache/airflow:3.3.2-python3.12
FROM ${AIRFLOW_IMAGE}

COPY --chown=airflow:0 requirements.txt scripts/missing_requirements.py /tmp/preheat/
RUN python /tmp/preheat/missing_requirements.py /tmp/preheat/requirements.txt > /tmp/preheat/missing.txt \
 && pip install --no-cache-dir --no-deps --require-hashes --requirement /tmp/preheat/missing.txt

COPY --chown=airflow:0 pyproject.toml README.md LICENSE /tmp/preheat/project/
COPY --chown=airflow:0 src /tmp/preheat/project/src
RUN pip install --no-cache-dir --no-deps /tmp/preheat/project && pip check && rm -rf /tmp/preheat/project

COPY --chown=airflow:0 dags /opt/airflow/dags
COPY --chown=airflow:0 plugins /opt/airflow/plugins
COPY --chown=airflow:0 include /opt/airflow/include
USER airflow
