#include "services/despooler/placement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"

#include "common/content/digest.h"
#include "common/status/status_matchers.h"

namespace waybill::despooler {
namespace {

using ::testing::HasSubstr;

TEST(ChoosePlaceTest, TakesTheMostFreeSpace) {
  EXPECT_EQ(
      *ChoosePlace({{.free_bytes = 500}, {.free_bytes = 900}, {.free_bytes = 700}}, 400, 100, "x"),
      1U);
}

TEST(ChoosePlaceTest, TakesTheFirstOfEquals) {
  EXPECT_EQ(*ChoosePlace({{.free_bytes = 900}, {.free_bytes = 900}}, 400, 100, "x"), 0U);
}

TEST(ChoosePlaceTest, PrefersWhereThePackageIsWhileItFits) {
  EXPECT_EQ(*ChoosePlace({{.free_bytes = 900}, {.free_bytes = 500, .holds_package = true}}, 400,
                         100, "x"),
            1U);
  EXPECT_EQ(*ChoosePlace({{.free_bytes = 900}, {.free_bytes = 499, .holds_package = true}}, 400,
                         100, "x"),
            0U);
}

TEST(ChoosePlaceTest, NeverDoublesAVersionThatStands) {
  EXPECT_EQ(*ChoosePlace({{.free_bytes = 900},
                          {.free_bytes = 0, .holds_version = true, .holds_package = true}},
                         400, 100, "x"),
            1U);
}

TEST(ChoosePlaceTest, LeavesTheReserveAlone) {
  EXPECT_THAT(ChoosePlace({{.free_bytes = 500}}, 400, 100, "x"), IsOk());
  EXPECT_THAT(ChoosePlace({{.free_bytes = 499}}, 400, 100, "x"),
              StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST(ChoosePlaceTest, SaysNeededAndAvailableWhenNothingFits) {
  const absl::Status status =
      ChoosePlace({{.free_bytes = 30}, {.free_bytes = 70}}, 400, 100, "server DS1").status();
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("INSUFFICIENT_SPACE: 500 bytes needed, 70 available on server DS1"));
}

TEST(ChoosePlaceTest, RefusesAnEmptyChoice) {
  EXPECT_THAT(ChoosePlace({}, 1, 0, "server DS1"), StatusIs(absl::StatusCode::kNotFound));
}

TEST(TreeBytesNeededTest, CountsABlockForEachEntryAndTheRoot) {
  EXPECT_EQ(TreeBytesNeeded(10, 2), 10 + 3 * 4096);
}

TEST(VersionDirectoryTest, GoesBackToTheShare) {
  const content::Digest version = content::Sha256::Of("v");
  for (const char* share : {"/srv/ds1", "/"}) {
    const std::string directory = VersionDirectory(share, "c", "CEN00001", version);
    EXPECT_THAT(directory, HasSubstr("/SMS_PKGC/CEN00001/" + version.Prefix16Hex()));
    EXPECT_EQ(*ShareDirectoryOf(directory, "c", "CEN00001", version), share);
  }
}

TEST(VersionDirectoryTest, RefusesADirectoryOfSomethingElse) {
  const content::Digest version = content::Sha256::Of("v");
  const std::string directory = VersionDirectory("/srv/ds1", "c", "CEN00001", version);
  EXPECT_THAT(ShareDirectoryOf(directory, "d", "CEN00001", version),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ShareDirectoryOf(directory, "c", "CEN00002", version),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ShareDirectoryOf(directory, "c", "CEN00001", content::Sha256::Of("w")),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ShareDirectoryOf("", "c", "CEN00001", version),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(TemporaryCopyNameTest, IsTemporaryAndDiffersByAttempt) {
  const content::Digest version = content::Sha256::Of("v");
  EXPECT_TRUE(IsTemporaryName(TemporaryCopyName(version, "CEN00042", 1)));
  EXPECT_NE(TemporaryCopyName(version, "CEN00042", 1), TemporaryCopyName(version, "CEN00042", 2));
  EXPECT_NE(TemporaryCopyName(version, "CEN00042", 1), TemporaryCopyName(version, "CEN00043", 1));
  EXPECT_FALSE(IsTemporaryName(version.Prefix16Hex()));
  EXPECT_FALSE(IsTemporaryName(ManifestName(version)));
}

}  // namespace
}  // namespace waybill::despooler
