#include "draw.hpp"

#include <cmath>

namespace dec::synthesis {

namespace {

std::uint64_t fnv1a(std::uint64_t hash, std::string_view text) {
    for (char c : text) {
        hash ^= static_cast<unsigned char>(c);
        hash *= 0x100000001b3ULL;
    }
    return hash;
}

std::uint64_t splitmix64(std::uint64_t state) {
    state += 0x9e3779b97f4a7c15ULL;
    state = (state ^ (state >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    state = (state ^ (state >> 27U)) * 0x94d049bb133111ebULL;
    return state ^ (state >> 31U);
}

}  // namespace

double uniform(std::uint64_t seed, std::string_view purpose, std::string_view name) {
    auto hash = fnv1a(0xcbf29ce484222325ULL, purpose);
    hash = fnv1a(hash, ":");
    hash = fnv1a(hash, name);
    auto const bits = splitmix64(hash ^ splitmix64(seed));
    return std::ldexp(static_cast<double>(bits >> 11U), -53);
}

std::int64_t uniform_integer(std::uint64_t seed, std::string_view purpose, std::string_view name, std::int64_t low,
                             std::int64_t high) {
    auto const count = static_cast<double>(high - low + 1);
    return low + static_cast<std::int64_t>(uniform(seed, purpose, name) * count);
}

}  // namespace dec::synthesis
