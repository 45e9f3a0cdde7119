#include "services/scheduler/workstation_store.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "common/model/machine_path.h"
#include "common/status/status_matchers.h"
#include "services/scheduler/registry_fixture_test.h"

namespace waybill::scheduler {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> IdsOf(const std::vector<site::v1::Workstation>& workstations) {
  std::vector<std::string> ids;
  for (const site::v1::Workstation& workstation : workstations) {
    ids.push_back(workstation.sms_id());
  }
  return ids;
}

TEST(WorkstationStoreTest, NewOnesGetTheNextIdsInTheirOrder) {
  Registry registry;
  const absl::StatusOr<PutWorkstationsResult> result =
      registry.workstations.PutBatch({MakeWorkstation("SALES", "b"), MakeWorkstation("SALES", "a"),
                                      MakeWorkstation("LEGAL", "a")});
  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(result->sms_ids, ElementsAre("BOS00001", "BOS00002", "BOS00003"));
  EXPECT_EQ(result->created_count, 3);
  EXPECT_EQ(result->updated_count, 0);
}

TEST(WorkstationStoreTest, ARepeatKeepsTheIdsChangesNothingAndReportsNothing) {
  Registry registry;
  const std::vector<site::v1::Workstation> batch = {MakeWorkstation("SALES", "a"),
                                                    MakeWorkstation("SALES", "b")};
  ASSERT_THAT(registry.workstations.PutBatch(batch), IsOk());
  const std::string reported = registry.OutboxCount();
  const absl::StatusOr<PutWorkstationsResult> again = registry.workstations.PutBatch(batch);
  ASSERT_THAT(again, IsOk());
  EXPECT_THAT(again->sms_ids, ElementsAre("BOS00001", "BOS00002"));
  EXPECT_EQ(again->created_count + again->updated_count, 0);
  EXPECT_EQ(registry.OutboxCount(), reported);
}

TEST(WorkstationStoreTest, AChangedOneIsUpdatedWithAllItsFields) {
  Registry registry;
  ASSERT_THAT(registry.workstations.PutBatch({MakeWorkstation("SALES", "a")}), IsOk());
  site::v1::Workstation changed = MakeWorkstation("SALES", "a");
  changed.set_operating_system("windows");
  (*changed.mutable_properties())["owner"] = "O'Brien \"x\" {1,2} \\ \xc3\xa9";
  (*changed.mutable_properties())["ram_mb"] = "8192";
  const absl::StatusOr<PutWorkstationsResult> result = registry.workstations.PutBatch({changed});
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->updated_count, 1);
  const auto listed = registry.workstations.List({}, "", 10);
  ASSERT_THAT(listed, IsOk());
  ASSERT_EQ(listed->elements.size(), 1U);
  EXPECT_EQ(listed->elements.front().site_code(), "BOS");
  EXPECT_EQ(listed->elements.front().operating_system(), "windows");
  EXPECT_EQ(listed->elements.front().properties().at("owner"), "O'Brien \"x\" {1,2} \\ \xc3\xa9");
  EXPECT_EQ(listed->elements.front().properties_size(), 2);
  EXPECT_GT(listed->elements.front().register_time().seconds(), 0);
}

TEST(WorkstationStoreTest, AKnownIdMovesToItsNewName) {
  Registry registry;
  ASSERT_THAT(registry.workstations.PutBatch({MakeWorkstation("SALES", "old", "BOS00007")}),
              IsOk());
  const auto moved = registry.workstations.PutBatch({MakeWorkstation("LEGAL", "new", "BOS00007")});
  ASSERT_THAT(moved, IsOk());
  EXPECT_EQ(moved->updated_count, 1);
  EXPECT_EQ(registry.Text("SELECT domain || host_name FROM waybill.workstation"), "LEGALnew");
}

TEST(WorkstationStoreTest, IdsGivenByHandAreNeverGivenAgain) {
  Registry registry;
  ASSERT_THAT(registry.workstations.PutBatch(
                  {MakeWorkstation("D", "x", "BOS00001"), MakeWorkstation("D", "y", "BOS00003")}),
              IsOk());
  // The batch brings one along itself.
  const auto result = registry.workstations.PutBatch({MakeWorkstation("D", "a"),
                                                      MakeWorkstation("D", "b", "BOS00004"),
                                                      MakeWorkstation("D", "c")});
  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(result->sms_ids, ElementsAre("BOS00002", "BOS00004", "BOS00005"));
}

TEST(WorkstationStoreTest, IdsGrowBeyondFiveDigits) {
  Registry registry;
  registry.db.Execute("SELECT setval('waybill.workstation_number', 99999)");
  ASSERT_THAT(registry.workstations.PutBatch({MakeWorkstation("D", "x", "BOS100000")}), IsOk());
  const auto result = registry.workstations.PutBatch({MakeWorkstation("D", "a")});
  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(result->sms_ids, ElementsAre("BOS100001"));
}

TEST(WorkstationStoreTest, ConflictsAreRefusedByNameAndTheBatchLeavesNothing) {
  Registry registry;
  ASSERT_THAT(registry.workstations.PutBatch({MakeWorkstation("SALES", "a", "BOS00001"),
                                              MakeWorkstation("SALES", "b", "BOS00002")}),
              IsOk());
  registry.db.Execute(
      "INSERT INTO waybill.workstation (sms_id, site_code, host_name, domain) "
      "VALUES ('BOS00050', 'LAB', 'z', 'SALES')");
  struct Case {
    std::vector<site::v1::Workstation> batch;
    const char* text;
  };
  const std::vector<Case> cases = {
      {{MakeWorkstation("D", "n"), MakeWorkstation("D", "n")}, "workstations[1] (D|n).host_name"},
      {{MakeWorkstation("D", "n", "BOS00009"), MakeWorkstation("D", "m", "BOS00009")},
       "'BOS00009' is there twice"},
      {{MakeWorkstation("D", "n"), MakeWorkstation("SALES", "a", "BOS00009")},
       "workstations[1] (SALES|a).sms_id: it is registered as BOS00001, not BOS00009"},
      {{MakeWorkstation("D", "n", "BOS00050")}, "'BOS00050' belongs to site LAB"},
      {{MakeWorkstation("SALES", "a"), MakeWorkstation("D", "m", "BOS00001")},
       "'BOS00001' is another's of this batch"},
  };
  for (const Case& one : cases) {
    const absl::Status status = registry.workstations.PutBatch(one.batch).status();
    EXPECT_THAT(status, StatusIs(StatusCode::kInvalidArgument)) << one.text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(one.text));
  }
  EXPECT_EQ(registry.Text("SELECT count(*) FROM waybill.workstation"), "3");
}

TEST(WorkstationStoreTest, AMachinePathAndThePageLimitTheList) {
  Registry registry;
  ASSERT_THAT(registry.workstations.PutBatch(
                  {MakeWorkstation("SALES", "a"), MakeWorkstation("SALES", "b"),
                   MakeWorkstation("LEGAL", "a"), MakeWorkstation("LEGAL", "c")}),
              IsOk());
  registry.db.Execute(
      "INSERT INTO waybill.workstation (sms_id, site_code, host_name, domain) "
      "VALUES ('LAB00001', 'LAB', 'a', 'SALES')");
  const auto list = [&registry](const model::MachinePath& path) {
    return IdsOf(registry.workstations.List(path, "", 10).value().elements);
  };
  EXPECT_THAT(list({.site_code = "LAB", .domain = {}, .host_name = {}}), ElementsAre("LAB00001"));
  EXPECT_THAT(list({.site_code = "BOS", .domain = "SALES", .host_name = {}}),
              ElementsAre("BOS00001", "BOS00002"));
  EXPECT_THAT(list({.site_code = {}, .domain = {}, .host_name = "a"}),
              ElementsAre("BOS00001", "BOS00003", "LAB00001"));
  EXPECT_THAT(IdsOf(registry.workstations.List({}, "BOS00002", 2).value().elements),
              ElementsAre("BOS00003", "BOS00004"));
}

TEST(WorkstationStoreTest, APageEndsBeforeItOutgrowsAMessageAndSaysThatMoreFollow) {
  Registry registry;
  for (const char* host_name : {"a", "b", "c", "d"}) {
    ASSERT_THAT(registry.workstations.PutBatch({MakeWorkstation("SALES", host_name)}), IsOk());
  }
  EXPECT_FALSE(registry.workstations.List({}, "", 4)->has_next);
  EXPECT_TRUE(registry.workstations.List({}, "", 3)->has_next);
  registry.db.Execute(
      "UPDATE waybill.workstation SET properties = jsonb_build_object('x', repeat('x', 2000000))");
  const auto page = registry.workstations.List({}, "", 100);
  ASSERT_THAT(page, IsOk());
  EXPECT_THAT(IdsOf(page->elements), ElementsAre("BOS00001", "BOS00002"));
  EXPECT_TRUE(page->has_next);
  EXPECT_FALSE(registry.workstations.List({}, "BOS00002", 100)->has_next);
}

TEST(WorkstationStoreTest, APropertyEditedByHandDoesNotStopAListing) {
  Registry registry;
  ASSERT_THAT(registry.workstations.PutBatch({MakeWorkstation("SALES", "a")}), IsOk());
  registry.db.Execute("UPDATE waybill.workstation SET properties = '{\"n\": 1, \"t\": \"x\"}'");
  const auto listed = registry.workstations.List({}, "", 10);
  ASSERT_THAT(listed, IsOk());
  EXPECT_EQ(listed->elements.front().properties_size(), 1);
}

TEST(WorkstationStoreTest, TenThousandAreRegisteredSetBySet) {
  Registry registry;
  for (int batch = 0; batch < 10; ++batch) {
    std::vector<site::v1::Workstation> workstations;
    for (int i = 0; i < 1000; ++i) {
      workstations.push_back(MakeWorkstation("D", absl::StrCat("pc", batch * 1000 + i)));
    }
    ASSERT_THAT(registry.workstations.PutBatch(workstations), IsOk());
  }
  EXPECT_EQ(registry.Text("SELECT count(*) || ' ' || max(sms_id) FROM waybill.workstation"),
            "10000 BOS10000");
}

}  // namespace
}  // namespace waybill::scheduler
