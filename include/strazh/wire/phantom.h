/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Phantom protocol, version 1: numbers on the network. All integers are big-endian.
 *
 *	frame		type 1 | suite 1 | length 2 | body
 *	record		type 1 | flags 1 | length of C 2 | zero 4 | n 8 | C | tag 16 | signature 32
 *	message		service 1 | opcode 1 | content type 1 | zero 1 | request id 4 | payload
 *
 * A message is the plaintext of a record of type DATA; the plaintext is padded with 0x80 and zeros
 * to a multiple of 16 (or to a size class) and never empty on the wire: C is at least 16 bytes.
 */
#ifndef STRAZH_WIRE_PHANTOM_H
#define STRAZH_WIRE_PHANTOM_H

#define PH_VERSION "PHANTOM/1"
#define PH_NAME_DEFAULT "strazh" /* of a server */
#define PH_NAME_MAX 255
#define PH_PORT 8000

enum ph_type {
	PH_CLIENT_HELLO = 0xa0,
	PH_SERVER_HELLO = 0xa1,
	PH_CLIENT_FINISH = 0xa2, /* a frame in XK1 and XX, else record 0 of the client */
	PH_REKEY = 0xa4,	 /* inside: client's public key 32 */
	PH_REKEYED = 0xa5,	 /* inside: server's public key 32 */
	PH_RETRY = 0xac,
	PH_DATA = 0xb0,
	PH_HEARTBEAT = 0xb1, /* inside: nothing; or PH_ASKS 1 */
	PH_CONTROL = 0xb2,
	PH_CLOSE = 0xbf,
};

/* In a heartbeat: the other side is to say something at once, a heartbeat if nothing else. So it
 * does not matter that sides differ in how long a silence they bear. */
#define PH_ASKS 1

enum ph_suite {
	PH_NK1 = 0x01, /* Noise_NK1_25519_AESGCM_SHA256: the server's key is pinned */
	PH_XK1 = 0x02, /* and the client has one, too */
	PH_NX = 0x03,  /* the server's key comes in a certificate */
	PH_XX = 0x04,
	PH_RESUME = 0x05,	/* NNpsk0: a ticket of an earlier session */
	PH_SUITE_HYBRID = 0x10, /* a bit: with ML-KEM-768 */
};

#define PH_KEY_LEN 32
#define PH_NONCE_LEN 16 /* the random payloads of the handshake */
#define PH_TAG_LEN 16
#define PH_SIG_LEN 32
#define PH_HASH_LEN 32

/* Frames of the handshake. */
#define PH_FRAME_HEAD 4
#define PH_FRAME_MAX 2048 /* of the body */

/* Extensions of a hello: type 1 | length 2 | value, in rising order of type. */
enum ph_extension {
	PH_EXT_OFFER = 1,      /* 2: bits of enum ph_offer */
	PH_EXT_SERVER_KEY = 2, /* 8: first bytes of SHA-256 of the pinned key */
	PH_EXT_SOLUTION = 3,   /* 8: of the puzzle in a Retry */
	PH_EXT_TICKET = 4,
	PH_EXT_KEM = 5, /* 1,184: an ML-KEM-768 key */
};
/* What the client wants of the session; a server that cannot give it ends the handshake. */
enum ph_offer {
	PH_OFFER_STRICT = 0x0001,  /* seeds move on with every record, both ways */
	PH_OFFER_CLASSES = 0x0002, /* records are padded to size classes, both ways */
};
#define PH_KEM_KEY_LEN 1184
#define PH_KEM_TEXT_LEN 1088

/* Retry: bits 1 | challenge 16. SHA-256(challenge | client key | solution) begins with that many
 * zero bits. */
#define PH_CHALLENGE_LEN 16
#define PH_PUZZLE_BITS_MIN 14
#define PH_PUZZLE_BITS_MAX 22

/* The certificate of NX and XX, in the server's hello. */
#define PH_CERT_MAGIC "PHS1 cert"
#define PH_CERT_MAX (9 + 32 + 8 + 8 + 8 + 1 + PH_NAME_MAX + 64)

/* Records. */
#define PH_RECORD_HEAD 16
#define PH_RECORD_TAIL (PH_TAG_LEN + PH_SIG_LEN)
#define PH_PAD 16
#define PH_CIPHER_MAX 65520 /* the longest C: a multiple of 16 that its 16-bit length holds */
#define PH_PLAIN_MAX (PH_CIPHER_MAX - 1)
#define PH_RECORD_MAX (PH_RECORD_HEAD + PH_CIPHER_MAX + PH_RECORD_TAIL)
#define PH_FLAG_PRIORITY 0x03
#define PH_FLAG_EPOCH 0x80
enum ph_priority { PH_URGENT, PH_HIGH, PH_NORMAL, PH_BULK, PH_PRIORITIES };

/* Operations: 256 in a block, then the seed moves on. */
#define PH_BLOCK 256
#define PH_REKEY_OPERATIONS (1ULL << 24)
#define PH_REKEY_BYTES (64ULL << 30)
#define PH_REKEY_SECONDS (15 * 60)
#define PH_OPERATIONS_MAX (1ULL << 32)

/* Messages. */
#define PH_MESSAGE_HEAD 8
#define PH_MESSAGE_MAX (PH_PLAIN_MAX - PH_MESSAGE_HEAD) /* of the payload */
enum ph_service { PH_S_CONTROL, PH_S_ECHO, PH_S_RELAY, PH_S_TUNNEL, PH_S_QUERY, PH_SERVICES };
enum ph_opcode { PH_OP_REQUEST, PH_OP_REPLY, PH_OP_EVENT, PH_OP_ERROR, PH_OP_OWN = 16 };

/* Opcodes of PH_S_CONTROL. */
enum ph_control {
	PH_CTL_TICKET = PH_OP_OWN, /* from the server: a ticket, for PH_RESUME */
};

/* An error is code 2 | text. */
enum ph_code {
	PH_C_UNKNOWN = 1, /* no such service or opcode */
	PH_C_MALFORMED,	  /* the payload is not what the opcode wants */
	PH_C_DENIED,	  /* not for this client */
	PH_C_LIMIT,	  /* a limit of the server's is reached */
	PH_C_ABSENT,	  /* no such room, member, upstream */
	PH_C_UPSTREAM,	  /* what is behind the server failed */
	PH_C_TOO_BIG,
	PH_C_CLOSING, /* the server is about to end */
};

#endif
