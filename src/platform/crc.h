/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The registers of two cyclic redundancy codes, without any complement: begin with a state of the
 * caller's choice and feed on.
 */

#include "macro.h"

/* Polynomial 0x04c11db7, reflected. The kernel's "crc32" is this with state 0. */
uint32_t crc32_update(uint32_t state, const void *data, size_t size);

/*
 * Polynomial 0x1edc6f41, reflected. CRC-32C begins with all ones and complements the result. Uses
 * the processor's instruction where it has one.
 */
uint32_t crc32c_update(uint32_t state, const void *data, size_t size);
/* The same from tables on every machine. */
uint32_t crc32c_update_portable(uint32_t state, const void *data, size_t size);
