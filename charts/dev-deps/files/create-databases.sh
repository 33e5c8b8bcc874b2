#!/bin/sh
# Makes each service's database with an owner of its own, once, while the server listens to nobody else yet.
# /run/databases/NAME holds the fields of the Secret NAME-db-app.
set -eu

for folder in /run/databases/*/; do
  psql --no-psqlrc -v ON_ERROR_STOP=1 -U "${POSTGRES_USER:-postgres}" -d postgres \
    -v name="$(cat "$folder/dbname")" -v owner="$(cat "$folder/username")" -v password="$(cat "$folder/password")" <<'SQL'
CREATE ROLE :"owner" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"owner";
REVOKE CONNECT, TEMPORARY ON DATABASE :"name" FROM PUBLIC;
SQL
done
