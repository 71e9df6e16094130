/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one DER structure that a signature of a policy is.
 *
 *	30 len  02 len r...  02 len s...
 */

#include <string.h>

#include "ecdsa-der.h"

#define DER_SEQUENCE 0x30
#define DER_INTEGER  0x02
/* Lengths from here on take more bytes, which no part of such a signature needs. */
#define DER_LONG 0x80

/* Returns how many bytes the INTEGER takes, or -EBADMSG. */
static int read_number(const uint8_t *der, size_t size, uint8_t ret[ECDSA_NUMBER_SIZE])
{
	if (size < 3 || der[0] != DER_INTEGER || der[1] == 0 || der[1] >= DER_LONG ||
		der[1] > size - 2)
		return -EBADMSG;

	size_t len = der[1];
	const uint8_t *number = der + 2;

	/* A negative number, a zero, or a leading zero that says nothing. */
	if (number[0] >= 0x80 || (len == 1 && number[0] == 0) ||
		(len > 1 && number[0] == 0 && number[1] < 0x80))
		return -EBADMSG;
	if (number[0] == 0) {
		number++;
		len--;
	}
	if (len > ECDSA_NUMBER_SIZE)
		return -EBADMSG;
	memset(ret, 0, ECDSA_NUMBER_SIZE - len);
	memcpy(ret + ECDSA_NUMBER_SIZE - len, number, len);
	return 2 + der[1];
}

int ecdsa_der_read(const uint8_t *der, size_t size, struct ecdsa_signature *ret)
{
	struct ecdsa_signature signature;
	int r, s;

	if (size < 2 || size > ECDSA_DER_MAX || der[0] != DER_SEQUENCE || der[1] != size - 2)
		return -EBADMSG;
	r = read_number(der + 2, size - 2, signature.r);
	if (r < 0)
		return r;
	s = read_number(der + 2 + r, size - 2 - (size_t)r, signature.s);
	if (s < 0)
		return s;
	if ((size_t)r + (size_t)s != size - 2)
		return -EBADMSG;
	*ret = signature;
	return 0;
}

static size_t write_number(const uint8_t number[ECDSA_NUMBER_SIZE], uint8_t *ret)
{
	size_t skip = 0;

	while (skip < ECDSA_NUMBER_SIZE - 1 && number[skip] == 0)
		skip++;

	size_t len = ECDSA_NUMBER_SIZE - skip;
	size_t zero = number[skip] >= 0x80;

	ret[0] = DER_INTEGER;
	ret[1] = (uint8_t)(len + zero);
	ret[2] = 0;
	memcpy(ret + 2 + zero, number + skip, len);
	return 2 + zero + len;
}

size_t ecdsa_der_write(const struct ecdsa_signature *signature, uint8_t ret[ECDSA_DER_MAX])
{
	size_t size = write_number(signature->r, ret + 2);

	size += write_number(signature->s, ret + 2 + size);
	ret[0] = DER_SEQUENCE;
	ret[1] = (uint8_t)size;
	return size + 2;
}
