/* SPDX-License-Identifier: Apache-2.0 */
/* What a struct crypto holds. For the files of this folder only. */
#ifndef STRAZH_USER_CRYPTO_STATE_H
#define STRAZH_USER_CRYPTO_STATE_H

#include <openssl/evp.h>

#include <user/crypto/crypto.h>
#include <user/crypto/gcm.h>

struct crypto {
	struct gcm gcm;
	EVP_PKEY_CTX *x25519; /* imports keys */
	EVP_MD_CTX *sign;
	EVP_KEM *kem; /* NULL: this OpenSSL has no ML-KEM-768 */
};

#define KEM_NAME "ML-KEM-768"

#endif
