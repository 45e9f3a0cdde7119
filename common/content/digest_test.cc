#include "common/content/digest.h"

#include <string>

#include <gtest/gtest.h>

#include "absl/status/status.h"

#include "common/status/status_matchers.h"

namespace waybill::content {
namespace {

constexpr char kOfAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

// FIPS 180-4, appendix B.
TEST(Digest, KnownMessagesHaveTheirKnownDigests) {
  EXPECT_EQ(Sha256::Of("abc").ToHex(), kOfAbc);
  EXPECT_EQ(Sha256::Of("").ToHex(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256::Of("abc").Prefix16Hex(), "ba7816bf8f01cfea");
  EXPECT_EQ(Sha256::Of("abc").prefix64(), 0xba7816bf8f01cfea);
}

TEST(Digest, AStreamHasTheDigestOfItsBytesAndStartsAgainAfterFinish) {
  Sha256 hasher;
  for (int i = 0; i < 2; ++i) {
    hasher.Update("a");
    hasher.Update("");
    hasher.Update("bc");
    EXPECT_EQ(hasher.Finish().ToHex(), kOfAbc);
  }
}

TEST(Digest, HexHasOneSpelling) {
  EXPECT_EQ(Digest::FromHex(kOfAbc).value(), Sha256::Of("abc"));
  std::string hex = kOfAbc;
  for (const std::string& bad : {std::string("BA") + hex.substr(2), hex.substr(1), hex + "0",
                                 hex.substr(0, 63) + "g", std::string()}) {
    EXPECT_THAT(Digest::FromHex(bad), StatusIs(absl::StatusCode::kInvalidArgument)) << bad;
  }
}

TEST(Digest, BytesMustBeThirtyTwo) {
  EXPECT_THAT(Digest::FromBytes(std::string(31, 'x')),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(Digest::FromBytes(Sha256::Of("abc").bytes()).value(), Sha256::Of("abc"));
}

TEST(Digest, TheDefaultIsZeroAndSmallest) {
  EXPECT_TRUE(Digest().is_zero());
  EXPECT_FALSE(Sha256::Of("").is_zero());
  EXPECT_LT(Digest(), Sha256::Of(""));
}

}  // namespace
}  // namespace waybill::content
