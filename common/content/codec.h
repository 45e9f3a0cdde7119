#ifndef WAYBILL_COMMON_CONTENT_CODEC_H_
#define WAYBILL_COMMON_CONTENT_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

#include "common/content/digest.h"

namespace waybill::content {

/// How a chunk is stored and travels. The numbers are on disks and wires; none is ever reused.
enum class Representation : uint8_t {
  kRaw = 1,  ///< The plain bytes.
  kLz4 = 2,  ///< One LZ4 block.
};

/// UNIMPLEMENTED for a number that is none of the above: it is never guessed.
absl::StatusOr<Representation> RepresentationFromNumber(uint32_t number);

/// What is said about a chunk beside its bytes.
struct ChunkFacts {
  Digest digest;  ///< Of the plain bytes.
  Representation representation = Representation::kRaw;
  uint32_t plain_bytes = 0;
};

/// The most bytes that Compress makes of `plain_bytes`.
size_t CompressedBytesMax(size_t plain_bytes);

/// Compresses chunks, reusing its working memory. Used by one thread at a time.
class Compressor {
 public:
  Compressor();
  ~Compressor();
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;

  /// Compresses `plain` (at most kChunkBytesMax) with LZ4 into `buffer` (CompressedBytesMax at
  /// least). Returns the LZ4 block, in `buffer`, and kLz4; or `plain` itself and kRaw if LZ4 would
  /// save less than 3 %.
  struct Result {
    Representation representation;
    absl::string_view stored;
  };
  Result Compress(absl::string_view plain, absl::Span<char> buffer);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Checks lengths that somebody claims, before anything is allocated for them: plain 1 to
/// kChunkBytesMax; stored as long as plain if raw, and below what LZ4 may need if LZ4.
/// INVALID_ARGUMENT otherwise.
absl::Status CheckChunkLengths(Representation representation, uint32_t plain_bytes,
                               size_t stored_bytes);

/// Restores a chunk into exactly `plain`, whose size is the declared one. INVALID_ARGUMENT for bad
/// lengths, DATA_LOSS if `stored` is not one whole block of exactly that many plain bytes (cut
/// off, too long, expanding beyond). Does not look at the digest. Thread-safe.
absl::Status Decompress(Representation representation, absl::string_view stored,
                        absl::Span<char> plain);

/// Decompress, then DATA_LOSS, naming the chunk, unless the plain bytes have `facts.digest`.
/// `plain` has `facts.plain_bytes` bytes.
absl::Status DecompressAndVerify(const ChunkFacts& facts, absl::string_view stored,
                                 absl::Span<char> plain);

}  // namespace waybill::content

#endif  // WAYBILL_COMMON_CONTENT_CODEC_H_
