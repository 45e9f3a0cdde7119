#ifndef WAYBILL_COMMON_CONTENT_CHUNKER_H_
#define WAYBILL_COMMON_CONTENT_CHUNKER_H_

#include <cstddef>

#include "absl/strings/string_view.h"

namespace waybill::content {

/// Where the first chunk of `bytes` ends, which are the rest of a file from a chunk's start (at
/// least up to kChunkBytesMax of it). Returns its length; 0 only for no bytes.
///
/// FastCDC (Xia et al., USENIX ATC 2016) with a 64-bit gear hash: kChunkBytesMin are skipped, then
/// for each byte `hash = (hash << 1) + gear[byte]`, and the chunk ends behind the first byte where
/// the highest 19 bits of the hash are zero (before kChunkBytesAverage) or the highest 15 (behind
/// it), or at kChunkBytesMax. The highest bits depend on the last 64 bytes. gear[i] is output
/// number i of splitmix64 started at 0: z = (i + 1) * 0x9E3779B97F4A7C15,
/// z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9, z = (z ^ z >> 27) * 0x94D049BB133111EB, z ^ z >> 31.
///
/// The decision to cut at a place looks only at bytes before it: a returned length below
/// `bytes.size()` is final, whatever follows. One equal to it is final if it is kChunkBytesMax or
/// the file ends there.
///
/// Part of the content format: golden vectors hold it still. Pure, thread-safe, about 5 GB/s.
size_t FirstChunkBytes(absl::string_view bytes);

}  // namespace waybill::content

#endif  // WAYBILL_COMMON_CONTENT_CHUNKER_H_
