#ifndef WAYBILL_SERVICES_SENDER_SLOTS_H_
#define WAYBILL_SERVICES_SENDER_SLOTS_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace waybill::sender {

/// A send request that may begin now.
struct DueSend {
  std::int64_t send_request_id = 0;
  std::string site_code;  ///< The neighbour it goes to.
  int address_max = 0;    ///< How many sends that address takes at once.
};

/// What is under way, and what is known of addresses.
struct SlotState {
  int sends_max = 0;                  ///< At once, over all addresses.
  std::map<std::string, int> active;  ///< By neighbour.
  std::set<std::string> failing;      ///< Neighbours whose last attempt failed.
};

/// Which of `due` (in the order they should go: priority, then age) begin now.
///
/// No address gets more than its own number, all together no more than `sends_max`. The last free
/// slot is kept for addresses that work: one that failed may take any but that, so unreachable
/// sites never hold all slots. With one slot in all there is nothing to keep. Pure.
std::vector<std::int64_t> ChooseSends(const std::vector<DueSend>& due, const SlotState& state);

}  // namespace waybill::sender

#endif  // WAYBILL_SERVICES_SENDER_SLOTS_H_
