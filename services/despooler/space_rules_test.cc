#include "services/despooler/space_rules.h"

#include <gtest/gtest.h>

namespace waybill::despooler {
namespace {

constexpr std::int64_t kReserve = 100;

Place At(std::uint64_t file_system, std::int64_t free_bytes, std::int64_t promised_bytes = 0) {
  return {.file_system = file_system, .free_bytes = free_bytes, .promised_bytes = promised_bytes};
}

TEST(SpaceRulesTest, TheStoreNeedsItsBytesBesideTheReserve) {
  const SpaceNeed need = {.store_bytes = 50};
  EXPECT_FALSE(CheckSpace(need, At(1, 150), {}, kReserve).shortage.has_value());
  const SpaceVerdict verdict = CheckSpace(need, At(1, 149), {}, kReserve);
  ASSERT_TRUE(verdict.shortage.has_value());
  EXPECT_EQ(verdict.shortage->needed_bytes, 50);
  EXPECT_EQ(verdict.shortage->available_bytes, 49);
}

TEST(SpaceRulesTest, WhatIsPromisedToOthersIsNotAvailable) {
  const SpaceVerdict verdict = CheckSpace({.store_bytes = 50}, At(1, 200, 60), {}, kReserve);
  ASSERT_TRUE(verdict.shortage.has_value());
  EXPECT_EQ(verdict.shortage->available_bytes, 40);
}

TEST(SpaceRulesTest, TheTreeGoesToTheDriveWithTheMostRoom) {
  const SpaceNeed need = {.store_bytes = 10, .tree_bytes = 80};
  const SpaceVerdict verdict =
      CheckSpace(need, At(1, 500), {At(2, 190), At(3, 300, 50), At(4, 200)}, kReserve);
  EXPECT_FALSE(verdict.shortage.has_value());
  EXPECT_EQ(verdict.promise.store_file_system, 1u);
  EXPECT_EQ(verdict.promise.tree_file_system, 3u);
}

TEST(SpaceRulesTest, ADriveThatSharesTheStoresFileSystemMustTakeBoth) {
  const SpaceNeed need = {.store_bytes = 50, .tree_bytes = 80};
  EXPECT_FALSE(CheckSpace(need, At(1, 230), {At(1, 230)}, kReserve).shortage.has_value());
  const SpaceVerdict verdict = CheckSpace(need, At(1, 229), {At(1, 229)}, kReserve);
  ASSERT_TRUE(verdict.shortage.has_value());
  EXPECT_EQ(verdict.shortage->needed_bytes, 80);
  EXPECT_EQ(verdict.shortage->available_bytes, 79);
}

TEST(SpaceRulesTest, AFullDiskSaysZeroAndNotLess) {
  const SpaceVerdict verdict = CheckSpace({.store_bytes = 1}, At(1, 0), {}, kReserve);
  ASSERT_TRUE(verdict.shortage.has_value());
  EXPECT_EQ(verdict.shortage->available_bytes, 0);
}

TEST(SpaceRulesTest, NothingToWriteFitsOnAFullDisk) {
  EXPECT_FALSE(CheckSpace({}, At(1, 0), {At(2, 0)}, kReserve).shortage.has_value());
}

TEST(SpaceRulesTest, ATreeNeedsADrive) {
  EXPECT_TRUE(CheckSpace({.tree_bytes = 1}, At(1, 1000), {}, kReserve).shortage.has_value());
}

}  // namespace
}  // namespace waybill::despooler
