#include "common/content/chunker.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

#include "common/content/limits.h"

namespace waybill::content {
namespace {

constexpr uint64_t HighBits(int count) {
  return ~uint64_t{0} << (64 - count);
}

// log2(average) plus and minus two: "normalised", so that sizes gather round the average.
constexpr uint64_t kMaskBeforeAverage = HighBits(19);
constexpr uint64_t kMaskBehindAverage = HighBits(15);
static_assert(kChunkBytesAverage == 1 << 17);

constexpr std::array<uint64_t, 256> MakeGear() {
  std::array<uint64_t, 256> gear{};
  for (uint64_t i = 0; i < gear.size(); ++i) {
    uint64_t z = (i + 1) * 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    gear[i] = z ^ (z >> 31);
  }
  return gear;
}

constexpr std::array<uint64_t, 256> kGear = MakeGear();

}  // namespace

size_t FirstChunkBytes(absl::string_view bytes) {
  const size_t end = std::min<size_t>(bytes.size(), kChunkBytesMax);
  const size_t middle = std::min<size_t>(end, kChunkBytesAverage);
  const auto* const data = reinterpret_cast<const uint8_t*>(bytes.data());
  uint64_t hash = 0;
  size_t at = std::min<size_t>(end, kChunkBytesMin);
  for (; at < middle; ++at) {
    hash = (hash << 1) + kGear[data[at]];
    if ((hash & kMaskBeforeAverage) == 0) return at + 1;
  }
  for (; at < end; ++at) {
    hash = (hash << 1) + kGear[data[at]];
    if ((hash & kMaskBehindAverage) == 0) return at + 1;
  }
  return end;
}

}  // namespace waybill::content
