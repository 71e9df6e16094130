/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A character has two modules, one above the other:
 *
 *	both light	full block
 *	upper light	upper half block
 *	lower light	lower half block
 *	both dark	space
 */

#include <string.h>

#include "bytes.h"
#include "cleanup.h"
#include "qr.h"

#if HAVE_QRENCODE
#include <qrencode.h>

#define TEXT_MAX   1024U
#define MARGIN	   2 /* modules */
#define GLYPH_SIZE 3 /* bytes of the longest */

static const char *const glyphs[2][2] = {
	{ " ", "\xe2\x96\x84" },
	{ "\xe2\x96\x80", "\xe2\x96\x88" },
};

static QRcode *code_free(QRcode *code)
{
	if (!code)
		return NULL;
	explicit_bzero(code->data, (size_t)code->width * (size_t)code->width);
	QRcode_free(code);
	return NULL;
}
DEFINE_FREEP(QRcode, code_free)

/* What is outside is light. */
static bool is_light(const QRcode *code, int x, int y)
{
	return x < 0 || y < 0 || x >= code->width || y >= code->width ||
	       !(code->data[y * code->width + x] & 1);
}

static size_t draw(const QRcode *code, char *to)
{
	const int end = code->width + MARGIN;
	size_t size = 0;

	for (int y = -MARGIN; y < end; y += 2) {
		for (int x = -MARGIN; x < end; x++) {
			const char *glyph = glyphs[is_light(code, x, y)][is_light(code, x, y + 1)];

			memcpy(to + size, glyph, strlen(glyph));
			size += strlen(glyph);
		}
		to[size++] = '\n';
	}
	return size;
}

bool qr_is_supported(void)
{
	return true;
}

int qr_make(const struct secret *text, struct secret **ret, struct diag *diag)
{
	_cleanup_(code_freep) QRcode *code = NULL;
	_cleanup_(secret_freep) struct secret *drawn = NULL;
	size_t side;
	int r;

	if (secret_size(text) > TEXT_MAX)
		return diag_set(diag, -EFBIG, "the text is too long for a QR code");
	code = QRcode_encodeData((int)secret_size(text), secret_peek(text), 0, QR_ECLEVEL_M);
	if (!code)
		return diag_set(diag, -errno, "cannot make a QR code: %s", strerror(errno));
	side = (size_t)code->width + 2 * MARGIN;
	r = secret_new((side + 1) / 2 * (side * GLYPH_SIZE + 1), true, &drawn);
	if (r < 0)
		return r;
	secret_truncate(drawn, draw(code, (char *)secret_bytes(drawn)));
	*ret = take_ptr(drawn);
	return 0;
}
#else
bool qr_is_supported(void)
{
	return false;
}

int qr_make(const struct secret *text, struct secret **ret, struct diag *diag)
{
	return diag_set(diag, -EOPNOTSUPP, "dmstack was built without libqrencode");
}
#endif
