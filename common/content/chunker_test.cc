#include "common/content/chunker.h"

#include <cstddef>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/string_view.h"

#include "common/content/limits.h"
#include "common/content/test_content.h"

namespace waybill::content {
namespace {

std::vector<size_t> Cut(absl::string_view bytes) {
  std::vector<size_t> lengths;
  while (!bytes.empty()) {
    lengths.push_back(FirstChunkBytes(bytes));
    bytes.remove_prefix(lengths.back());
  }
  return lengths;
}

// Computed by a second implementation, in another language, from the description in the header.
TEST(Chunker, TheBoundariesOfKnownBytesNeverChange) {
  EXPECT_THAT(Cut(RandomBytes(1 << 21, 42)),
              testing::ElementsAre(162202, 53878, 89862, 160359, 85467, 131942, 153683, 166959,
                                   184433, 142869, 152973, 153244, 146060, 163781, 135505, 13935));
}

TEST(Chunker, NothingHasNoChunkAndLittleHasOne) {
  EXPECT_EQ(FirstChunkBytes(""), 0);
  EXPECT_EQ(FirstChunkBytes("x"), 1);
  EXPECT_EQ(FirstChunkBytes(std::string(kChunkBytesMin, 'x')), kChunkBytesMin);
}

TEST(Chunker, BytesWithoutAnyBoundaryAreCutAtTheMaximum) {
  const std::string zeros(3 * kChunkBytesMax + 5, '\0');
  EXPECT_THAT(Cut(zeros), testing::ElementsAre(kChunkBytesMax, kChunkBytesMax, kChunkBytesMax, 5));
}

TEST(Chunker, ALengthBelowWhatWasGivenDoesNotDependOnWhatFollows) {
  const std::string bytes = RandomBytes(1 << 20, 7);
  const size_t first = FirstChunkBytes(bytes);
  EXPECT_EQ(FirstChunkBytes(absl::string_view(bytes).substr(0, first + 1)), first);
  EXPECT_EQ(FirstChunkBytes(absl::string_view(bytes).substr(0, first - 1)), first - 1);
}

TEST(Chunker, ChunksButTheLastKeepTheirLimitsAndGatherRoundTheAverage) {
  const std::vector<size_t> lengths = Cut(RandomBytes(32 << 20, 9));
  for (size_t i = 0; i + 1 < lengths.size(); ++i) {
    EXPECT_GE(lengths[i], kChunkBytesMin);
    EXPECT_LE(lengths[i], kChunkBytesMax);
  }
  const size_t average = (size_t{32} << 20) / lengths.size();
  EXPECT_GT(average, kChunkBytesAverage * 3 / 4);
  EXPECT_LT(average, kChunkBytesAverage * 3 / 2);
}

}  // namespace
}  // namespace waybill::content
