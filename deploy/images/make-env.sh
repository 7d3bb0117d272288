#!/bin/sh
# Writes the secrets that compose.yaml needs:  deploy/images/make-env.sh >.env
# Needs openssl, for the public half of governance's signing key.
set -eu
umask 077

hex() { od -An -v -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }
command -v openssl >/dev/null || {
  echo 'error: openssl is missing' >&2
  exit 1
}

echo '# Secrets of one installation. Keep this file out of version control.'
# The broker reads a value that starts with a digit as a number, so passwords start with a letter.
for user in OPERATOR INGRESS GOVERNANCE ROUTER EXECUTOR EXECUTOR_EXTERNAL EXECUTOR_PRIVATE EXECUTOR_ONPREM \
  METERING NOTIFIER CLIENT_SUPPORT; do
  echo "NEPTUNE_NATS_PASSWORD_$user=p$(hex 24)"
done
echo "NEPTUNE_POSTGRES_PASSWORD=$(hex 24)"
echo "NEPTUNE_KEY_PEPPER=$(hex 32)"
echo "NEPTUNE_APPROVAL_SECRET=$(hex 32)"
echo "NEPTUNE_WEBHOOK_SECRET=whsec_$(openssl rand -base64 32)"

# An Ed25519 private key is these 16 bytes of PKCS #8 and the 32 of the seed.
seed=$(openssl rand -base64 32)
public=$({
  printf '\060\056\002\001\000\060\005\006\003\053\145\160\004\042\004\040'
  printf '%s\n' "$seed" | openssl base64 -d
} | openssl pkey -inform DER -pubout -outform DER | tail -c 32 | openssl base64)
echo "NEPTUNE_GOVERNANCE_SIGNING_KEY=$seed"
echo "NEPTUNE_GOVERNANCE_PUBLIC_KEY=$public"
