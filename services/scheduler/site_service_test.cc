#include "services/scheduler/site_service.h"

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/rpc/call_context.h"
#include "common/rpc/identity.h"
#include "common/rpc/stream.h"
#include "common/status/status_matchers.h"
#include "common/thread/executor.h"
#include "services/scheduler/registry_fixture_test.h"

namespace waybill::scheduler {
namespace {

using absl::StatusCode;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

using Batches = std::vector<std::vector<site::v1::Workstation>>;

// What a caller sends, and then the end.
class Messages final : public rpc::Source<site::v1::PutWorkstationsRequest> {
 public:
  explicit Messages(std::deque<site::v1::PutWorkstationsRequest> messages)
      : messages_(std::move(messages)) {}

  absl::StatusOr<bool> Read(site::v1::PutWorkstationsRequest& message) override {
    return Read(message, absl::InfiniteDuration());
  }
  absl::StatusOr<bool> Read(site::v1::PutWorkstationsRequest& message,
                            absl::Duration /*limit*/) override {
    if (messages_.empty()) {
      return false;
    }
    message = std::move(messages_.front());
    messages_.pop_front();
    return true;
  }

 private:
  std::deque<site::v1::PutWorkstationsRequest> messages_;
};

class SiteServiceTest : public testing::Test, public Registry {
 protected:
  SiteServiceTest()
      : service({.sites = sites,
                 .workstations = workstations,
                 .site_code = "BOS",
                 .store_directory = "/srv/store",
                 .notify = [this](absl::string_view channel) { woken.emplace_back(channel); },
                 .calls = calls,
                 .streams = streams}) {}

  absl::StatusOr<site::v1::PutSiteResponse> Put(const site::v1::Site& site) {
    site::v1::PutSiteRequest request;
    *request.mutable_site() = site;
    return service.HandlePutSite(request, call);
  }

  absl::StatusOr<site::v1::PutAddressResponse> Put(const site::v1::Address& address) {
    site::v1::PutAddressRequest request;
    *request.mutable_address() = address;
    return service.HandlePutAddress(request, call);
  }

  absl::StatusOr<site::v1::PutDistributionServerResponse> Put(
      const site::v1::DistributionServer& server) {
    site::v1::PutDistributionServerRequest request;
    *request.mutable_server() = server;
    return service.HandlePutDistributionServer(request, call);
  }

  absl::StatusOr<site::v1::PutLogonServerResponse> Put(const site::v1::LogonServer& server) {
    site::v1::PutLogonServerRequest request;
    *request.mutable_server() = server;
    return service.HandlePutLogonServer(request, call);
  }

  absl::StatusOr<site::v1::PutGroupResponse> Put(const site::v1::Group& group) {
    site::v1::PutGroupRequest request;
    *request.mutable_group() = group;
    return service.HandlePutGroup(request, call);
  }

  absl::StatusOr<site::v1::PutWorkstationsResponse> Put(const Batches& batches) {
    std::deque<site::v1::PutWorkstationsRequest> messages;
    for (const auto& batch : batches) {
      site::v1::PutWorkstationsRequest& message = messages.emplace_back();
      for (const site::v1::Workstation& workstation : batch) {
        *message.add_workstations() = workstation;
      }
    }
    Messages source(std::move(messages));
    return service.HandlePutWorkstations(call, source);
  }

  std::vector<std::string> woken;
  Executor calls{1, 1};
  Executor streams{1, 1};
  rpc::CallContext call{rpc::Identity{rpc::Role::kAdmin, "", "alice"}};
  SiteService service;
};

std::vector<site::v1::Workstation> MakeBatch(int first, int count) {
  std::vector<site::v1::Workstation> batch;
  for (int i = first; i < first + count; ++i) {
    batch.push_back(MakeWorkstation("D", absl::StrCat("pc", i)));
  }
  return batch;
}

TEST_F(SiteServiceTest, ASiteWithoutParentIsPutBeneathThisOne) {
  const auto put = Put(MakeSite("LAB", "", "Lab"));
  ASSERT_THAT(put, IsOk());
  EXPECT_EQ(put->site().parent_site_code(), "BOS");
  EXPECT_THAT(woken, ElementsAre("waybill_outbox"));
  site::v1::GetSiteRequest get;
  get.set_site_code("LAB");
  EXPECT_EQ(service.HandleGetSite(get, call)->site().name(), "Lab");
  EXPECT_THAT(service.HandleListSites({}, call)->sites(), SizeIs(2));
}

TEST_F(SiteServiceTest, ARefusedPutWakesNobody) {
  EXPECT_THAT(Put(MakeSite("lab", "")), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Put(MakeSite("BOS", "BOS")), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(Put(MakeSite("BOS", "")), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(Put(MakeAddress("XYZ", "h:1")), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(woken, IsEmpty());
}

TEST_F(SiteServiceTest, AnAddressGetsTheDefaultNumberOfSendsAndWakesTheSender) {
  site::v1::Address address = MakeAddress("BOS", "127.0.0.1:7001");
  address.clear_concurrent_sends_max();
  const auto put = Put(address);
  ASSERT_THAT(put, IsOk());
  EXPECT_EQ(put->address().concurrent_sends_max(), 3);
  EXPECT_THAT(woken, ElementsAre("waybill_send"));
  site::v1::GetAddressRequest get;
  get.set_site_code("BOS");
  EXPECT_EQ(service.HandleGetAddress(get, call)->address().endpoint(), "127.0.0.1:7001");
  EXPECT_THAT(service.HandleListAddresses({}, call)->addresses(), SizeIs(1));
  address.set_concurrent_sends_max(-1);
  EXPECT_THAT(Put(address), StatusIs(StatusCode::kInvalidArgument));
}

TEST_F(SiteServiceTest, ADistributionServerIsPutReadAndListed) {
  const auto put = Put(MakeServer("DS1", {{"c", "/srv/c"}}));
  ASSERT_THAT(put, IsOk());
  EXPECT_EQ(put->server().site_code(), "BOS");
  EXPECT_THAT(woken, ElementsAre("waybill_outbox", "waybill_definition"));
  site::v1::GetDistributionServerRequest get;
  get.set_server_name("DS1");
  EXPECT_EQ(service.HandleGetDistributionServer(get, call)->server().shares(0).directory(),
            "/srv/c");
  site::v1::ListDistributionServersRequest list;
  EXPECT_THAT(service.HandleListDistributionServers(list, call)->servers(), SizeIs(1));
  list.set_site_code("LAB");
  EXPECT_THAT(service.HandleListDistributionServers(list, call)->servers(), IsEmpty());
  list.set_site_code("l");
  EXPECT_THAT(service.HandleListDistributionServers(list, call),
              StatusIs(StatusCode::kInvalidArgument));
  get.set_site_code("l");
  EXPECT_THAT(service.HandleGetDistributionServer(get, call),
              StatusIs(StatusCode::kInvalidArgument));
}

TEST_F(SiteServiceTest, AShareInThePackageStoreIsRefused) {
  const auto put = Put(MakeServer("DS1", {{"c", "/srv/store/packs"}}));
  EXPECT_THAT(put, StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(std::string(put.status().message()), HasSubstr("the package store"));
  EXPECT_THAT(Put(MakeServer("DS1", {})), StatusIs(StatusCode::kInvalidArgument));
}

TEST_F(SiteServiceTest, ALogonServerWakesThePcmManager) {
  ASSERT_THAT(Put(MakeLogonServer("LS1", "/srv/ls1")), IsOk());
  EXPECT_THAT(woken, ElementsAre("waybill_replicate"));
  site::v1::GetLogonServerRequest get;
  get.set_server_name("LS1");
  EXPECT_EQ(service.HandleGetLogonServer(get, call)->server().directory(), "/srv/ls1");
  EXPECT_THAT(service.HandleListLogonServers({}, call)->servers(), SizeIs(1));
  EXPECT_THAT(Put(MakeLogonServer("LS2", "relative")), StatusIs(StatusCode::kInvalidArgument));
}

TEST_F(SiteServiceTest, AGroupIsPutReadAndListed) {
  ASSERT_THAT(Put(Batches{MakeBatch(0, 2)}), IsOk());
  const auto kind = site::v1::GROUP_KIND_WORKSTATIONS;
  ASSERT_THAT(Put(MakeGroup("pilot", kind, {"BOS00001"})), IsOk());
  EXPECT_THAT(Put(MakeGroup("pilot", kind, {"BOS00099"})), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(Put(MakeGroup("pilot", kind, {"x"})), StatusIs(StatusCode::kInvalidArgument));
  site::v1::GetGroupRequest get;
  get.set_group_name("pilot");
  EXPECT_THAT(service.HandleGetGroup(get, call)->group().members(), ElementsAre("BOS00001"));
  EXPECT_THAT(service.HandleListGroups({}, call)->groups(), SizeIs(1));
}

TEST_F(SiteServiceTest, WorkstationsComeInMessagesAndKeepTheirOrder) {
  const auto put = Put(Batches{MakeBatch(0, 2), MakeBatch(1, 2)});
  ASSERT_THAT(put, IsOk());
  EXPECT_EQ(put->created_count(), 3);
  EXPECT_EQ(put->updated_count(), 0);
  EXPECT_THAT(put->sms_ids(), ElementsAre("BOS00001", "BOS00002", "BOS00002", "BOS00003"));
  EXPECT_THAT(woken, Contains("waybill_outbox"));
}

TEST_F(SiteServiceTest, ABatchStaysWhenALaterOneIsRefusedByName) {
  std::vector<site::v1::Workstation> bad = MakeBatch(5, 1);
  bad[0].set_site_code("NYC");
  const auto put = Put(Batches{MakeBatch(0, 2), bad});
  EXPECT_THAT(put, StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(put.status().message()), HasSubstr("workstations[0] (D|pc5).site_code"));
  EXPECT_EQ(Text("SELECT count(*) FROM waybill.workstation"), "2");
}

TEST_F(SiteServiceTest, AMessageHasALimit) {
  EXPECT_THAT(Put(Batches{MakeBatch(0, 1001)}), StatusIs(StatusCode::kInvalidArgument));
}

TEST_F(SiteServiceTest, IdsAreReturnedUpToTenThousand) {
  Batches batches(10, MakeBatch(0, 1000));
  EXPECT_THAT(Put(batches)->sms_ids(), SizeIs(10'000));
  batches.push_back(MakeBatch(0, 1));
  batches.push_back(MakeBatch(0, 1));
  EXPECT_THAT(Put(batches)->sms_ids(), IsEmpty());
}

TEST_F(SiteServiceTest, WorkstationsArePaged) {
  ASSERT_THAT(Put(Batches{MakeBatch(0, 5)}), IsOk());
  site::v1::ListWorkstationsRequest request;
  request.set_page_size(2);
  std::vector<std::string> seen;
  int pages = 0;
  do {
    const auto page = service.HandleListWorkstations(request, call);
    ASSERT_THAT(page, IsOk());
    for (const site::v1::Workstation& workstation : page->workstations()) {
      seen.push_back(workstation.sms_id());
    }
    request.set_page_token(page->next_page_token());
    ++pages;
  } while (!request.page_token().empty());
  EXPECT_THAT(seen, ElementsAre("BOS00001", "BOS00002", "BOS00003", "BOS00004", "BOS00005"));
  EXPECT_EQ(pages, 3);
}

TEST_F(SiteServiceTest, WorkstationsAreFilteredByMachinePathAndBadRequestsNamed) {
  ASSERT_THAT(Put(Batches{MakeBatch(0, 5)}), IsOk());
  site::v1::ListWorkstationsRequest request;
  request.set_machine_path("BOS|D|pc3");
  EXPECT_THAT(service.HandleListWorkstations(request, call)->workstations(), SizeIs(1));
  request.set_machine_path("BOS|D");
  EXPECT_THAT(service.HandleListWorkstations(request, call),
              StatusIs(StatusCode::kInvalidArgument));
  request.set_machine_path("*|*|*");
  request.set_page_token("nonsense");
  EXPECT_THAT(service.HandleListWorkstations(request, call),
              StatusIs(StatusCode::kInvalidArgument));
  request.clear_page_token();
  for (const int size : {-1, 10'001}) {
    request.set_page_size(size);
    EXPECT_THAT(service.HandleListWorkstations(request, call),
                StatusIs(StatusCode::kInvalidArgument));
  }
}

TEST_F(SiteServiceTest, TheHierarchyHasParentsBeforeChildren) {
  ASSERT_THAT(Put(MakeSite("ABC", "BOS")), IsOk());
  db.Execute("INSERT INTO waybill.inbox (site_code, epoch) VALUES ('ABC', 1)");
  const auto hierarchy = service.HandleGetHierarchy({}, call);
  ASSERT_THAT(hierarchy, IsOk());
  ASSERT_THAT(hierarchy->sites(), SizeIs(2));
  EXPECT_EQ(hierarchy->sites(0).site().site_code(), "BOS");
  EXPECT_FALSE(hierarchy->sites(0).has_last_report_time());
  EXPECT_EQ(hierarchy->sites(1).depth(), 1);
  EXPECT_TRUE(hierarchy->sites(1).has_last_report_time());
}

TEST_F(SiteServiceTest, BadNamesInLookUpsAreInvalid) {
  site::v1::GetSiteRequest get_site;
  get_site.set_site_code("'; drop table");
  EXPECT_THAT(service.HandleGetSite(get_site, call), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(service.HandleGetAddress({}, call), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(service.HandleGetDistributionServer({}, call),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(service.HandleGetLogonServer({}, call), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(service.HandleGetGroup({}, call), StatusIs(StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace waybill::scheduler
