#!/usr/bin/env bash
# An access token of the demo's sandbox EHR for one of its patients, as an app gets it that the EHR launches (SMART App
# Launch): a handle of the launch, a code for it, a token for the code. A real app does the second step in a browser.
# Needs curl and openssl.
#   TOKEN=$(token.sh [EHR] [PATIENT])
set -euo pipefail
ehr=${1:-http://127.0.0.1:8090}
patient=${2:-ea00005}
app=test-app                                  # one of the apps that the demo registers
redirect=http://127.0.0.1:3000/callback

base64url() { base64 | tr -d '=\n' | tr '+/' '-_'; }
member() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p"; }
verifier=$(openssl rand 32 | base64url)
challenge=$(printf %s "$verifier" | openssl dgst -sha256 -binary | base64url)

launch=$(curl --silent --show-error --fail-with-body "$ehr/fhir/_services/smart/Launch" \
    --json "{\"launchUrl\": \"http://127.0.0.1:3000/launch\", \"parameters\": {\"patient\": \"$patient\"}}" | member launch_id)
back=$(curl --silent --show-error --output /dev/null --write-out '%{redirect_url}' --get "$ehr/authorize" \
    --data response_type=code --data client_id=$app --data-urlencode redirect_uri=$redirect \
    --data launch="$launch" --data-urlencode 'scope=launch patient/*.rs' --data-urlencode aud="$ehr/fhir" \
    --data state="$(openssl rand -hex 16)" --data code_challenge="$challenge" --data code_challenge_method=S256)
code=$(sed -n 's/.*[?&]code=\([^&]*\).*/\1/p' <<<"$back")
curl --silent --show-error --fail-with-body "$ehr/token" \
    --data grant_type=authorization_code --data client_id=$app --data code="$code" \
    --data-urlencode redirect_uri=$redirect --data code_verifier="$verifier" | member access_token
