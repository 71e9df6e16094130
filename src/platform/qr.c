/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A character has two modules, one above the other:
 *
 *	both light	full block
 *	upper light	upper half block
 *	lower light	lower half block
 *	both dark	space
 *
 * The library is loaded when it is needed, so that no initrd has to have it.
 */

#include <dlfcn.h>
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

struct library {
	QRcode *(*encode)(int size, const unsigned char *data, int version, QRecLevel level);
	void (*free)(QRcode *code);
};

/* It stays loaded; there is nothing that would go on afterwards. */
static bool library_load(struct library *ret)
{
	void *library = dlopen("libqrencode.so.4", RTLD_NOW | RTLD_NODELETE);

	if (!library)
		return false;
	*(void **)&ret->encode = dlsym(library, "QRcode_encodeData");
	*(void **)&ret->free = dlsym(library, "QRcode_free");
	(void)dlclose(library);
	return ret->encode && ret->free;
}

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
	struct library library;

	return library_load(&library);
}

int qr_make(const struct secret *text, struct secret **ret, struct diag *diag)
{
	_cleanup_(secret_freep) struct secret *drawn = NULL;
	struct library library;
	QRcode *code;
	size_t side;
	int r;

	if (!library_load(&library))
		return diag_set(diag, -EOPNOTSUPP, "libqrencode.so.4 cannot be loaded");
	if (secret_size(text) > TEXT_MAX)
		return diag_set(diag, -EFBIG, "the text is too long for a QR code");
	code = library.encode((int)secret_size(text), secret_peek(text), 0, QR_ECLEVEL_M);
	if (!code)
		return diag_set(diag, -errno, "cannot make a QR code: %s", strerror(errno));
	side = (size_t)code->width + 2 * MARGIN;
	r = secret_new((side + 1) / 2 * (side * GLYPH_SIZE + 1), true, &drawn);
	if (r == 0)
		secret_truncate(drawn, draw(code, (char *)secret_bytes(drawn)));
	wipe(code->data, (size_t)code->width * (size_t)code->width);
	library.free(code);
	if (r == 0)
		*ret = take_ptr(drawn);
	return r;
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
