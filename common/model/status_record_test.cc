#include "common/model/status_record.h"

#include <cstddef>
#include <cstdint>
#include <functional>
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

const Scope kScope = {.subtree = {"BOS", "LAB"},
                      .line = {"CEN", "TOP"},
                      .parents = {{"BOS", "CEN"}, {"LAB", "BOS"}, {"OLD", "NYC"}}};

// "BOS+ NYC-": which were taken and which passed over.
std::string Scoped(const std::vector<StatusRecord>& records) {
  const auto scoped = TakeInScope(records, kScope);
  EXPECT_THAT(scoped, IsOk());
  std::string text;
  for (const StatusRecord& record : scoped->taken) {
    text += (record.has_site() ? record.site().site_code() : record.holding().site_code()) + "+ ";
  }
  for (const PassedOver& passed : scoped->passed_over) {
    text += passed.site_code + "- ";
  }
  return text;
}

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
  EXPECT_EQ(Scoped({HoldingRecord("BOS"), HoldingRecord("NYC"), HoldingRecord("LAB")}),
            "BOS+ LAB+ NYC- ");
  EXPECT_EQ(Scoped({Numbered(1)}), "");
  EXPECT_THAT(TakeInScope({HoldingRecord("")}, kScope),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(StatusRules, LetsASiteRecordAddAGrandchildButNoForeignSite) {
  EXPECT_EQ(Scoped({SiteRecord("ATT", "LAB"), HoldingRecord("ATT")}), "ATT+ ATT+ ");
  EXPECT_EQ(Scoped({HoldingRecord("ATT"), SiteRecord("ATT", "LAB")}), "ATT+ ATT- ");
  EXPECT_EQ(Scoped({SiteRecord("ATT", "NYC"), HoldingRecord("ATT")}), "ATT- ATT- ");
}

TEST(StatusRules, PassesOverASecondParentAndWhatIsSaidOfThatSite) {
  EXPECT_EQ(Scoped({SiteRecord("BOS", "CEN"), SiteRecord("LAB", "BOS")}), "BOS+ LAB+ ");
  EXPECT_EQ(Scoped({SiteRecord("OLD", "BOS"), HoldingRecord("OLD"), SiteRecord("SUB", "OLD")}),
            "OLD- OLD- SUB- ");
  EXPECT_EQ(TakeInScope({SiteRecord("OLD", "BOS")}, kScope)->passed_over[0].why,
            "it is a child of NYC here, and reported as one of BOS");
}

TEST(StatusRules, PassesOverWhatWouldCloseACircle) {
  EXPECT_EQ(Scoped({SiteRecord("TOP", "LAB"), HoldingRecord("CEN")}), "TOP- CEN- ");
}

TEST(StatusRules, WritesOneKindAsAnArray) {
  StatusRecord numbered = HoldingRecord("BOS");
  numbered.set_sequence(7);
  const auto json = RecordsAsJson({numbered, SiteRecord("LAB", "BOS"), HoldingRecord("LAB")},
                                  StatusRecord::kHolding);
  ASSERT_THAT(json, IsOk());
  EXPECT_EQ(*json,
            R"([{"sequence":"7","holding":{"site_code":"BOS"}},{"holding":{"site_code":"LAB"}}])");
  EXPECT_EQ(*RecordsAsJson({numbered}, StatusRecord::kSend), "");
}

TEST(StatusRules, ATimeWithoutAJsonFormIsAnErrorAndNotTheEndOfTheProcess) {
  StatusRecord record = HoldingRecord("BOS");
  record.mutable_holding()->mutable_since_time()->set_seconds(1'000'000'000'000'000'000);
  EXPECT_THAT(RecordsAsJson({record}, StatusRecord::kHolding),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

// One record of each kind, as a site ships it.
std::vector<StatusRecord> GoodRecords() {
  std::vector<StatusRecord> records(8);
  *records[0].mutable_site() = SiteRecord("LAB", "BOS").site();
  auto& server = *records[1].mutable_distribution_server();
  server.set_server_name("DS1");
  server.add_shares()->set_drive("c");
  auto& workstation = *records[2].mutable_workstation();
  workstation.set_sms_id("BOS00001");
  workstation.set_host_name("pc1");
  workstation.set_domain("SALES");
  (*workstation.mutable_properties())["room"] = "4b\n";
  workstation.mutable_register_time()->set_seconds(1);
  records[3].mutable_send()->set_job_id("CEN00007");
  records[3].mutable_send()->set_state(job::v1::SEND_STATE_SENT);
  auto& copy = *records[4].mutable_server();
  copy.set_job_id("CEN00007");
  copy.set_server_name("DS1");
  copy.set_state(job::v1::SERVER_STATE_PRESENT);
  auto& target = *records[5].mutable_target();
  target.set_job_id("CEN00007");
  target.mutable_target()->set_sms_id("BOS00001");
  target.mutable_target()->set_state(job::v1::TARGET_STATE_SUCCEEDED);
  target.mutable_target()->mutable_run_duration()->set_seconds(1);
  target.mutable_target()->mutable_change_time()->set_seconds(1);
  auto& location = *records[6].mutable_location();
  location.set_server_name("DS1");
  location.set_package_id("CEN00001");
  location.set_version(std::string(32, '\0'));
  auto& holding = *records[7].mutable_holding();
  holding.set_package_id("CEN00001");
  holding.set_version(std::string(32, '\0'));
  return records;
}

TEST(StatusRules, TakesWhatASiteShips) {
  for (const StatusRecord& record : GoodRecords()) {
    EXPECT_THAT(CheckRecord(record), IsOk()) << record.ShortDebugString();
  }
  EXPECT_THAT(CheckRecord(Numbered(1)), IsOk());
}

TEST(StatusRules, NamesTheFieldThatTheDatabaseCannotHold) {
  const std::string nul("a\0b", 3);
  constexpr std::int64_t kTooLate = 1'000'000'000'000'000'000;
  struct Case {
    std::size_t kind;
    const char* field;
    std::function<void(StatusRecord&)> spoil;
  };
  const Case cases[] = {
      {0, "site.name", [&](auto& r) { r.mutable_site()->set_name(nul); }},
      {0, "site.parent_site_code", [](auto& r) { r.mutable_site()->set_parent_site_code("LAB"); }},
      {1, "distribution_server.server_name",
       [](auto& r) { r.mutable_distribution_server()->set_server_name("../x"); }},
      {1, "distribution_server.shares.drive",
       [](auto& r) { r.mutable_distribution_server()->mutable_shares(0)->set_drive("C:"); }},
      {1, "distribution_server.shares.directory",
       [&](auto& r) { r.mutable_distribution_server()->mutable_shares(0)->set_directory(nul); }},
      {2, "workstation.sms_id", [](auto& r) { r.mutable_workstation()->clear_sms_id(); }},
      {2, "workstation.host_name", [](auto& r) { r.mutable_workstation()->set_host_name(" "); }},
      {2, "workstation.domain", [](auto& r) { r.mutable_workstation()->clear_domain(); }},
      {2, "workstation.properties.key",
       [&](auto& r) { (*r.mutable_workstation()->mutable_properties())[nul] = "x"; }},
      {2, "workstation.properties.value",
       [&](auto& r) { (*r.mutable_workstation()->mutable_properties())["x"] = nul; }},
      {2, "workstation.register_time",
       [](auto& r) { r.mutable_workstation()->clear_register_time(); }},
      {3, "send.job_id", [](auto& r) { r.mutable_send()->set_job_id("x"); }},
      {3, "send.state", [](auto& r) { r.mutable_send()->clear_state(); }},
      {3, "send.reason", [&](auto& r) { r.mutable_send()->set_reason(nul); }},
      {3, "send.next_time", [](auto& r) { r.mutable_send()->mutable_next_time()->set_nanos(-1); }},
      {4, "server.job_id", [](auto& r) { r.mutable_server()->clear_job_id(); }},
      {4, "server.server_name", [](auto& r) { r.mutable_server()->clear_server_name(); }},
      {4, "server.state",
       [](auto& r) { r.mutable_server()->set_state(static_cast<job::v1::ServerState>(99)); }},
      {5, "target.job_id", [](auto& r) { r.mutable_target()->clear_job_id(); }},
      {5, "target.target.sms_id",
       [](auto& r) { r.mutable_target()->mutable_target()->clear_sms_id(); }},
      {5, "target.target.output",
       [&](auto& r) { r.mutable_target()->mutable_target()->set_output(nul); }},
      {5, "target.target.run_duration",
       [](auto& r) {
         r.mutable_target()->mutable_target()->mutable_run_duration()->set_seconds(kTooLate);
       }},
      {5, "target.target.change_time",
       [](auto& r) { r.mutable_target()->mutable_target()->clear_change_time(); }},
      {6, "location.server_name", [](auto& r) { r.mutable_location()->clear_server_name(); }},
      {6, "location.package_id", [](auto& r) { r.mutable_location()->clear_package_id(); }},
      {6, "location.version", [](auto& r) { r.mutable_location()->set_version("short"); }},
      {6, "location.observe_time", [](auto& r) { r.mutable_location()->set_present(true); }},
      {6, "location.observe_time",
       [](auto& r) { r.mutable_location()->mutable_observe_time()->set_seconds(kTooLate); }},
      {7, "holding.package_id", [](auto& r) { r.mutable_holding()->clear_package_id(); }},
      {7, "holding.version", [](auto& r) { r.mutable_holding()->clear_version(); }},
      {7, "holding.since_time", [](auto& r) { r.mutable_holding()->set_held(true); }}};
  for (const Case& bad : cases) {
    StatusRecord record = GoodRecords()[bad.kind];
    bad.spoil(record);
    const absl::Status status = CheckRecord(record);
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument)) << bad.field;
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr(std::string("].") + bad.field));
  }
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
