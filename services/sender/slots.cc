#include "services/sender/slots.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace waybill::sender {

std::vector<std::int64_t> ChooseSends(const std::vector<DueSend>& due, const SlotState& state) {
  std::map<std::string, int> active = state.active;
  int free = state.sends_max;
  for (const auto& [site_code, count] : active) {
    free -= count;
  }
  std::vector<std::int64_t> chosen;
  for (const DueSend& send : due) {
    if (free <= 0) break;
    const bool last_slot = free == 1 && state.sends_max > 1;
    int& at_address = active[send.site_code];
    if (at_address >= send.address_max || (last_slot && state.failing.contains(send.site_code))) {
      continue;
    }
    ++at_address;
    --free;
    chosen.push_back(send.send_request_id);
  }
  return chosen;
}

}  // namespace waybill::sender
