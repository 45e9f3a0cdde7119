#include "services/despooler/instruction_rules.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "common/status/status_matchers.h"
#include "services/despooler/test_instruction.h"

namespace waybill::despooler {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using transfer::v1::Instruction;

TEST(InstructionRulesTest, AGoodInstructionPasses) {
  EXPECT_THAT(CheckInstruction(TestInstruction()), IsOk());
}

TEST(InstructionRulesTest, EachBadFieldIsRefusedByName) {
  using Spoil = std::function<void(Instruction&)>;
  const std::vector<std::pair<std::string, Spoil>> cases = {
      {"job_id", [](Instruction& i) { i.set_job_id("../x"); }},
      {"origin_site_code", [](Instruction& i) { i.set_origin_site_code("cen"); }},
      {"revision", [](Instruction& i) { i.set_revision(0); }},
      {"cancel_epoch", [](Instruction& i) { i.set_cancel_epoch(-1); }},
      {"package_name", [](Instruction& i) { i.set_package_name("a\nb"); }},
      {"create_time", [](Instruction& i) { i.mutable_create_time()->set_nanos(-1); }},
      {"spec.type", [](Instruction& i) { i.mutable_spec()->set_type(job::v1::JobType(99)); }},
      {"spec.type", [](Instruction& i) { i.mutable_spec()->clear_type(); }},
      {"spec.priority", [](Instruction& i) { i.mutable_spec()->clear_priority(); }},
      {"spec.send_phase",
       [](Instruction& i) { i.mutable_spec()->set_send_phase(job::v1::SendPhase(4)); }},
      {"spec.version", [](Instruction& i) { i.mutable_spec()->clear_version(); }},
      {"spec.version", [](Instruction& i) { i.mutable_spec()->set_version(TestVersion('A')); }},
      {"spec.package_id", [](Instruction& i) { i.mutable_spec()->set_package_id("CEN0001"); }},
      {"spec.comment",
       [](Instruction& i) { i.mutable_spec()->set_comment(std::string(1001, 'x')); }},
      {"spec.distribute_phase.server_group",
       [](Instruction& i) {
         i.mutable_spec()->mutable_distribute_phase()->set_server_group(" x");
       }},
      {"spec.deadline",
       [](Instruction& i) { i.mutable_spec()->mutable_deadline()->set_seconds(1LL << 60); }},
      {"site_codes", [](Instruction& i) { i.add_site_codes("N|C"); }},
      {"site_codes",
       [](Instruction& i) {
         for (int n = 0; n <= kTargetSitesMax; ++n) i.add_site_codes("NYC");
       }},
      {"servers.server_name",
       [](Instruction& i) {
         i.add_servers()->set_site_code("NYC");
         i.mutable_servers(0)->set_server_name("a/b");
       }},
      {"spec.run_phase.command",
       [](Instruction& i) { i.mutable_spec()->mutable_run_phase()->clear_command(); }},
      {"spec.run_phase.offer_after",
       [](Instruction& i) { i.mutable_spec()->mutable_run_phase()->clear_offer_after(); }},
      {"command.arguments", [](Instruction& i) { i.mutable_command()->clear_arguments(); }},
      {"command.arguments",
       [](Instruction& i) {
         for (int n = 0; n < 257; ++n) i.mutable_command()->add_arguments("x");
       }},
      {"command.time_limit",
       [](Instruction& i) { i.mutable_command()->mutable_time_limit()->set_nanos(2'000'000'000); }},
  };
  for (const auto& [field, spoil] : cases) {
    Instruction instruction = TestInstruction();
    spoil(instruction);
    const absl::Status status = CheckInstruction(instruction);
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument)) << field;
    EXPECT_THAT(std::string(status.message()), HasSubstr(field));
  }
}

// What CreatePackage takes, checked by the same rules.
TEST(InstructionRulesTest, ACommandUpToTheLimitsOfItsPackagePasses) {
  Instruction instruction = TestInstruction();
  instruction.mutable_command()->add_arguments(std::string(60 << 10, 'x'));
  EXPECT_THAT(CheckInstruction(instruction), IsOk());
}

TEST(InstructionRulesTest, ARemoveJobMayNameNoVersion) {
  Instruction instruction = TestInstruction();
  instruction.mutable_spec()->set_type(job::v1::JOB_TYPE_REMOVE_PACKAGE);
  instruction.mutable_spec()->clear_version();
  instruction.mutable_spec()->clear_run_phase();
  EXPECT_THAT(CheckInstruction(instruction), IsOk());
  EXPECT_TRUE(IsRemove(instruction));
  EXPECT_FALSE(Distributes(instruction));
}

TEST(InstructionRulesTest, KnowsWhichJobsPutCopiesOnServers) {
  Instruction instruction = TestInstruction();
  EXPECT_TRUE(Distributes(instruction));
  instruction.mutable_spec()->clear_run_phase();
  EXPECT_FALSE(Distributes(instruction));  // Stage only.
  instruction.mutable_spec()->mutable_distribute_phase()->set_refresh_existing(true);
  EXPECT_TRUE(Distributes(instruction));
  instruction.set_cancel_epoch(1);
  EXPECT_FALSE(Distributes(instruction));
}

TEST(InstructionRulesTest, NamesTheServersOfOneSite) {
  Instruction instruction = TestInstruction();
  for (const auto& [site, server] : std::vector<std::pair<std::string, std::string>>{
           {"NYC", "DS1"}, {"LAB", "DS2"}, {"NYC", "DS3"}}) {
    instruction.add_servers()->set_site_code(site);
    instruction.mutable_servers(instruction.servers_size() - 1)->set_server_name(server);
  }
  EXPECT_THAT(ServersAt(instruction, "NYC"), ElementsAre("DS1", "DS3"));
  EXPECT_TRUE(IsTargetSite(instruction, "LAB"));
  EXPECT_FALSE(IsTargetSite(instruction, "BOS"));
}

TEST(TargetListTest, GivesBackInBatchesWhatItTookInOrder) {
  TargetList targets(TestInstruction());
  for (int i = 1; i <= 5; ++i) {
    ASSERT_THAT(targets.Add(absl::StrCat("NYC0000", i), i % 2 == 0 ? "LAB" : "NYC"), IsOk());
  }
  std::vector<std::string> seen;
  std::vector<std::size_t> sizes;
  ASSERT_THAT(targets.ForEachBatch(2,
                                   [&](const auto& sms_ids, const auto& site_codes) {
                                     sizes.push_back(sms_ids.size());
                                     for (std::size_t i = 0; i < sms_ids.size(); ++i) {
                                       seen.push_back(sms_ids[i] + site_codes[i]);
                                     }
                                     return absl::OkStatus();
                                   }),
              IsOk());
  EXPECT_THAT(sizes, ElementsAre(2, 2, 1));
  EXPECT_THAT(
      seen, ElementsAre("NYC00001NYC", "NYC00002LAB", "NYC00003NYC", "NYC00004LAB", "NYC00005NYC"));
  EXPECT_THAT(
      targets.ForEachBatch(2, [](const auto&, const auto&) { return absl::UnavailableError("x"); }),
      StatusIs(absl::StatusCode::kUnavailable));
}

TEST(TargetListTest, RefusesBadIdsAndSitesThatAreNoTargetSites) {
  TargetList targets(TestInstruction());
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(targets.Add("x", "NYC"), StatusIs(kInvalid));
  EXPECT_THAT(targets.Add("NYC00001'; DROP TABLE x", "NYC"), StatusIs(kInvalid));
  EXPECT_THAT(targets.Add("NYC00001", "BOS"), StatusIs(kInvalid));
  EXPECT_THAT(TargetList(Instruction()).Add("NYC00001", "NYC"), StatusIs(kInvalid));
  EXPECT_EQ(targets.size(), 0);
}

}  // namespace
}  // namespace waybill::despooler
