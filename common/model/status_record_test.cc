#include "common/model/status_record.h"

#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"

#include "common/status/status_matchers.h"

namespace waybill::model {
namespace {

using status::v1::StatusRecord;

StatusRecord Numbered(std::int64_t sequence) {
  StatusRecord record;
  record.set_sequence(sequence);
  return record;
}

StatusRecord SiteRecord(const std::string& site_code, const std::string& parent) {
  StatusRecord record;
  record.mutable_site()->set_site_code(site_code);
  record.mutable_site()->set_parent_site_code(parent);
  return record;
}

StatusRecord HoldingRecord(const std::string& site_code) {
  StatusRecord record;
  record.mutable_holding()->set_site_code(site_code);
  return record;
}

const std::set<std::string> kSubtree = {"BOS", "LAB"};
const std::set<std::string> kLine = {"CEN", "TOP"};

TEST(StatusRules, PassesOverWhatWasAppliedAndRefusesGaps) {
  EXPECT_EQ(NewRecords(2, {Numbered(1), Numbered(2), Numbered(3), Numbered(4)})->size(), 2U);
  EXPECT_TRUE(NewRecords(2, {Numbered(2)})->empty());
  EXPECT_THAT(NewRecords(2, {Numbered(4)}), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(NewRecords(2, {Numbered(3), Numbered(5)}),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(NewRecords(2, {Numbered(4), Numbered(3)}),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST(StatusRules, TakesOnlyRecordsAboutTheChildsSubtree) {
  EXPECT_THAT(CheckScope({HoldingRecord("BOS"), HoldingRecord("LAB")}, kSubtree, kLine), IsOk());
  EXPECT_THAT(CheckScope({HoldingRecord("NYC")}, kSubtree, kLine),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(CheckScope({HoldingRecord("")}, kSubtree, kLine),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(CheckScope({Numbered(1)}, kSubtree, kLine), IsOk());
}

TEST(StatusRules, LetsASiteRecordAddAGrandchildButNoForeignSite) {
  EXPECT_THAT(CheckScope({SiteRecord("ATT", "LAB"), HoldingRecord("ATT")}, kSubtree, kLine),
              IsOk());
  EXPECT_THAT(CheckScope({HoldingRecord("ATT"), SiteRecord("ATT", "LAB")}, kSubtree, kLine),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(CheckScope({SiteRecord("ATT", "NYC")}, kSubtree, kLine),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST(StatusRules, RefusesARecordThatWouldCloseACircle) {
  EXPECT_THAT(CheckScope({SiteRecord("TOP", "LAB")}, kSubtree, kLine),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(CheckScope({HoldingRecord("CEN")}, kSubtree, kLine),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST(StatusRules, WritesOneKindAsAnArray) {
  StatusRecord numbered = HoldingRecord("BOS");
  numbered.set_sequence(7);
  const std::string json = RecordsAsJson({numbered, SiteRecord("LAB", "BOS"), HoldingRecord("LAB")},
                                         StatusRecord::kHolding);
  EXPECT_EQ(json,
            R"([{"sequence":"7","holding":{"site_code":"BOS"}},{"holding":{"site_code":"LAB"}}])");
  EXPECT_EQ(RecordsAsJson({numbered}, StatusRecord::kSend), "");
}

TEST(StatusRules, ReadsTheJsonOfARow) {
  const StatusRecord record = *RecordFromJson(3, R"({"holding":{"site_code":"BOS","held":true}})");
  EXPECT_EQ(record.sequence(), 3);
  EXPECT_TRUE(record.holding().held());
  EXPECT_EQ(RecordFromJson(4, "")->kind_case(), StatusRecord::KIND_NOT_SET);
  EXPECT_THAT(RecordFromJson(5, R"({"no_such_kind":{}})"), StatusIs(absl::StatusCode::kInternal));
}

}  // namespace
}  // namespace waybill::model
