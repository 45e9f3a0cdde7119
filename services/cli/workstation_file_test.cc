#include "services/cli/workstation_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"

#include "common/status/status_matchers.h"

namespace waybill::cli {
namespace {

TEST(WorkstationFile, ReadsColumnsInAnyOrderAndTheRestAsProperties) {
  const auto workstations = *ParseWorkstations(
      "# comment\ndomain,host_name,sms_id,room\r\nSALES, ws1 ,NYC00001,4b\nLAB,ws2,,\n");
  ASSERT_EQ(workstations.size(), 2U);
  EXPECT_EQ(workstations[0].sms_id(), "NYC00001");
  EXPECT_EQ(workstations[0].host_name(), "ws1");
  EXPECT_EQ(workstations[0].properties().at("room"), "4b");
  EXPECT_EQ(workstations[1].sms_id(), "");
  EXPECT_TRUE(workstations[1].properties().empty());
}

TEST(WorkstationFile, NamesTheLineThatIsWrong) {
  for (const char* bad :
       {"", "host_name\nws1\n", "domain,host_name\nSALES\n", "domain,host_name,domain\n"}) {
    EXPECT_THAT(ParseWorkstations(bad), StatusIs(absl::StatusCode::kInvalidArgument)) << bad;
  }
  EXPECT_THAT(std::string(ParseWorkstations("domain,host_name\nSALES\n").status().message()),
              ::testing::HasSubstr("line 2"));
}

}  // namespace
}  // namespace waybill::cli
