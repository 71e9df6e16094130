/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * To ISA-L a systematic code is a matrix: a row for each byte of parity, a column for each symbol.
 * The matrix comes from our own encoder, symbol by symbol, so both give the same bytes. ISA-L keeps
 * the sums in registers while it walks over the symbols, and is four to ten times as fast.
 */

#include "parity.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "reed-solomon.h"

#if HAVE_ISAL
#include <isa-l/erasure_code.h>

#define TABLE_SIZE 32 /* bytes that ISA-L has for each element of the matrix */

struct parity_encoder {
	unsigned roots, symbols;
	size_t columns;
	uint8_t *tables; /* owned */
	uint8_t *rows;	 /* roots * columns; owned */
	uint8_t *row[RS_ROOTS_MAX];
};

/* The parity of each symbol alone, being 1. */
static int make_tables(struct parity_encoder *p)
{
	_cleanup_(rs_encoder_freep) struct rs_encoder *rs = NULL;
	_cleanup_free_ uint8_t *matrix = malloc((size_t)p->roots * p->symbols);
	int r;

	r = rs_encoder_new(p->roots, 1, &rs);
	if (r < 0 || !matrix)
		return r < 0 ? r : -ENOMEM;
	for (unsigned i = 0; i < p->symbols; i++) {
		uint8_t parity[RS_ROOTS_MAX];

		rs_encoder_reset(rs);
		for (unsigned k = i; k < p->symbols; k++)
			rs_encoder_feed(rs, k == i ? (const uint8_t[]){ 1 } : NULL);
		rs_encoder_parity(rs, parity);
		for (unsigned j = 0; j < p->roots; j++)
			matrix[j * p->symbols + i] = parity[j];
	}
	ec_init_tables((int)p->symbols, (int)p->roots, matrix, p->tables);
	return 0;
}

int parity_encoder_new(unsigned roots, size_t columns, struct parity_encoder **ret)
{
	int r;

	if (roots < 1 || roots > RS_ROOTS_MAX || columns == 0 || columns > INT32_MAX)
		return -EINVAL;

	_cleanup_(parity_encoder_freep) struct parity_encoder *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->roots = roots;
	p->symbols = RS_WORD_SIZE - roots;
	p->columns = columns;
	p->tables = malloc((size_t)TABLE_SIZE * roots * p->symbols);
	p->rows = malloc(columns * roots);
	if (!p->tables || !p->rows)
		return -ENOMEM;
	for (unsigned j = 0; j < roots; j++)
		p->row[j] = p->rows + j * columns;
	r = make_tables(p);
	if (r < 0)
		return r;
	*ret = take_ptr(p);
	return 0;
}

struct parity_encoder *parity_encoder_free(struct parity_encoder *p)
{
	if (!p)
		return NULL;
	free(p->tables);
	free(p->rows);
	free(p);
	return NULL;
}

void parity_encoder_run(struct parity_encoder *p, uint8_t *const *symbols, uint8_t *ret)
{
	ec_encode_data((int)p->columns, (int)p->symbols, (int)p->roots, p->tables,
		(uint8_t **)(uintptr_t)symbols, p->row);
	for (unsigned j = 0; j < p->roots; j++)
		for (size_t i = 0; i < p->columns; i++)
			ret[i * p->roots + j] = p->row[j][i];
}

#else

struct parity_encoder {
	unsigned symbols;
	struct rs_encoder *rs;
};

int parity_encoder_new(unsigned roots, size_t columns, struct parity_encoder **ret)
{
	_cleanup_(parity_encoder_freep) struct parity_encoder *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	r = rs_encoder_new(roots, columns, &p->rs);
	if (r < 0)
		return r;
	p->symbols = RS_WORD_SIZE - roots;
	*ret = take_ptr(p);
	return 0;
}

struct parity_encoder *parity_encoder_free(struct parity_encoder *p)
{
	if (!p)
		return NULL;
	rs_encoder_free(p->rs);
	free(p);
	return NULL;
}

void parity_encoder_run(struct parity_encoder *p, uint8_t *const *symbols, uint8_t *ret)
{
	rs_encoder_reset(p->rs);
	for (unsigned i = 0; i < p->symbols; i++)
		rs_encoder_feed(p->rs, symbols[i]);
	rs_encoder_parity(p->rs, ret);
}

#endif
