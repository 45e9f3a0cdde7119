#include "common/content/codec.h"

#include <cstdint>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/types/span.h"

#include "common/content/digest.h"
#include "common/content/limits.h"
#include "common/content/test_content.h"
#include "common/status/status_matchers.h"

namespace waybill::content {
namespace {

std::string Lz4(const std::string& plain) {
  std::vector<char> buffer(CompressedBytesMax(plain.size()));
  const Compressor::Result result = Compressor().Compress(plain, absl::MakeSpan(buffer));
  EXPECT_EQ(result.representation, Representation::kLz4);
  return std::string(result.stored);
}

absl::Status Restore(Representation representation, absl::string_view stored, size_t plain_bytes) {
  std::vector<char> plain(plain_bytes);
  return Decompress(representation, stored, absl::MakeSpan(plain));
}

TEST(Codec, TextBecomesLz4AndComesBack) {
  const std::string plain = TextBytes(kChunkBytesMax, 1);
  const std::string stored = Lz4(plain);
  EXPECT_LT(stored.size(), plain.size() / 2);
  ChunkFacts facts{Sha256::Of(plain), Representation::kLz4, kChunkBytesMax};
  std::vector<char> restored(plain.size());
  ASSERT_THAT(DecompressAndVerify(facts, stored, absl::MakeSpan(restored)), IsOk());
  EXPECT_EQ(absl::string_view(restored.data(), restored.size()), plain);
}

TEST(Codec, BytesThatLz4SavesLessThanThreePercentOfStayRaw) {
  Compressor compressor;
  for (const size_t random_percent : {100, 98}) {
    std::string plain = RandomBytes(1000 * random_percent, 2);
    plain.resize(100'000, '\0');
    std::vector<char> buffer(CompressedBytesMax(plain.size()));
    const Compressor::Result result = compressor.Compress(plain, absl::MakeSpan(buffer));
    EXPECT_EQ(result.representation, Representation::kRaw) << random_percent;
    EXPECT_EQ(result.stored.data(), plain.data());
  }
  std::string plain = RandomBytes(95'000, 2);
  plain.resize(100'000, '\0');
  EXPECT_LT(Lz4(plain).size(), 97'000);
}

TEST(Codec, AReusedCompressorGivesTheSameBytesAsAFreshOne) {
  Compressor reused;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const std::string plain = TextBytes(5000 * (20 - seed), seed);
    std::vector<char> buffer(CompressedBytesMax(plain.size()));
    EXPECT_EQ(reused.Compress(plain, absl::MakeSpan(buffer)).stored, Lz4(plain));
  }
}

TEST(Codec, ABlockCutOffAnywhereIsRefused) {
  const std::string stored = Lz4(TextBytes(2000, 3));
  for (size_t size = 0; size < stored.size(); ++size) {
    EXPECT_FALSE(Restore(Representation::kLz4, stored.substr(0, size), 2000).ok()) << size;
  }
}

TEST(Codec, ABlockThatDoesNotFillOrOverfillsItsDeclaredLengthIsDataLoss) {
  const std::string stored = Lz4(TextBytes(2000, 3));
  EXPECT_THAT(Restore(Representation::kLz4, stored, 2000), IsOk());
  EXPECT_THAT(Restore(Representation::kLz4, stored, 1999), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(Restore(Representation::kLz4, stored, 2001), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(Restore(Representation::kLz4, stored, 900), StatusIs(absl::StatusCode::kDataLoss));
}

TEST(Codec, BytesBehindABlockAreDataLoss) {
  const std::string stored = Lz4(TextBytes(2000, 3));
  for (const char* garbage : {"x", "xx", "xxxxxxxxxxxxxxxxxxxx"}) {
    EXPECT_THAT(Restore(Representation::kLz4, stored + garbage, 2000),
                StatusIs(absl::StatusCode::kDataLoss));
  }
  EXPECT_THAT(Restore(Representation::kLz4, stored + std::string(1, '\0'), 2000),
              StatusIs(absl::StatusCode::kDataLoss));
}

TEST(Codec, LengthsThatNoChunkHasAreInvalidArguments) {
  const auto refused = StatusIs(absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(CheckChunkLengths(Representation::kRaw, 0, 0), refused);
  EXPECT_THAT(CheckChunkLengths(Representation::kRaw, 10, 9), refused);
  EXPECT_THAT(CheckChunkLengths(Representation::kRaw, 10, 11), refused);
  EXPECT_THAT(CheckChunkLengths(Representation::kRaw, kChunkBytesMax + 1, kChunkBytesMax + 1),
              refused);
  EXPECT_THAT(CheckChunkLengths(Representation::kLz4, 10, 0), refused);
  EXPECT_THAT(CheckChunkLengths(Representation::kLz4, 10, CompressedBytesMax(10) + 1), refused);
  EXPECT_THAT(CheckChunkLengths(Representation::kLz4, UINT32_MAX, 100), refused);
  EXPECT_THAT(Restore(Representation::kLz4, "x", kChunkBytesMax + 1), refused);
}

TEST(Codec, OtherBytesThanTheDigestSaysAreDataLoss) {
  const std::string plain = "plain";
  ChunkFacts facts{Sha256::Of("other"), Representation::kRaw, 5};
  std::vector<char> restored(5);
  EXPECT_THAT(DecompressAndVerify(facts, plain, absl::MakeSpan(restored)),
              StatusIs(absl::StatusCode::kDataLoss));
}

TEST(Codec, UnknownRepresentationsAreNotGuessed) {
  for (const uint32_t number : {0U, 3U, 255U, 257U, UINT32_MAX}) {
    EXPECT_THAT(RepresentationFromNumber(number), StatusIs(absl::StatusCode::kUnimplemented));
  }
  EXPECT_EQ(RepresentationFromNumber(2).value(), Representation::kLz4);
}

}  // namespace
}  // namespace waybill::content
