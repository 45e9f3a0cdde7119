#ifndef WAYBILL_COMMON_CONTENT_DIGEST_H_
#define WAYBILL_COMMON_CONTENT_DIGEST_H_

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace waybill::content {

/// A SHA-256: the name of a chunk, a manifest or a content. A plain value of 32 bytes, ordered as
/// bytes; a default one is all zeros, which no content has.
class Digest {
 public:
  static constexpr size_t kBytes = 32;

  constexpr Digest() = default;

  /// INVALID_ARGUMENT unless `bytes` are exactly 32.
  static absl::StatusOr<Digest> FromBytes(absl::string_view bytes);

  /// INVALID_ARGUMENT unless `hex` is exactly 64 lower-case hexadecimal digits: one spelling, so
  /// that a name on disk has one digest.
  static absl::StatusOr<Digest> FromHex(absl::string_view hex);

  std::string ToHex() const;

  /// The first 16 digits: the name of a version's directory on a distribution server.
  std::string Prefix16Hex() const;

  /// The 32 bytes; valid as long as this value.
  absl::string_view bytes() const { return {reinterpret_cast<const char*>(bytes_.data()), kBytes}; }
  uint8_t* mutable_data() { return bytes_.data(); }

  /// The first eight bytes, most significant first: evenly spread and ordered like the digest.
  uint64_t prefix64() const {
    uint64_t prefix = 0;
    for (size_t i = 0; i < 8; ++i) {
      prefix = prefix << 8 | bytes_[i];
    }
    return prefix;
  }

  bool is_zero() const { return *this == Digest(); }

  friend bool operator==(const Digest&, const Digest&) = default;
  friend std::strong_ordering operator<=>(const Digest&, const Digest&) = default;

  template <typename H>
  friend H AbslHashValue(H state, const Digest& digest) {
    return H::combine(std::move(state), digest.bytes_);
  }

 private:
  std::array<uint8_t, kBytes> bytes_{};
};

/// SHA-256 of a stream. Used by one thread at a time; movable.
class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  ~Sha256();

  void Update(absl::string_view bytes);

  /// The digest of all bytes since the start or the last Finish; starts again.
  Digest Finish();

  /// The digest of `bytes`. Thread-safe; allocates once per thread.
  static Digest Of(absl::string_view bytes);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace waybill::content

#endif  // WAYBILL_COMMON_CONTENT_DIGEST_H_
