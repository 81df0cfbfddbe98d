"""Shader texts of the renderer (OpenGL 3.3 core)."""

_BONES = """
uniform mat4 bones[3];
in vec3 position; in vec2 share;
mat4 bone() { return bones[0] * (1.0 - share.x - share.y) + bones[2] * share.x + bones[1] * share.y; }
"""

SHADOW_VERTEX = (
    "#version 330\n"
    + _BONES
    + """
uniform mat4 light_view;
void main() { gl_Position = light_view * (bone() * vec4(position, 1.0)); }
"""
)

SHADOW_FRAGMENT = "#version 330\nvoid main() {}\n"

VERTEX = (
    "#version 330\n"
    + _BONES
    + """
uniform mat4 projection; uniform mat4 light_view; uniform vec3 harmonics[9];
in vec3 normal; in vec2 uv; in vec4 paint;
out vec3 v_normal; out vec3 v_eye; out vec2 v_uv; out vec3 v_ambient; out vec3 v_shadow; out vec3 v_paint;
out vec3 v_mesh;
vec3 irradiance(vec3 n) {
    return harmonics[0] * 0.282095
        + 0.488603 * (harmonics[1] * n.y + harmonics[2] * n.z + harmonics[3] * n.x)
        + 1.092548 * (harmonics[4] * n.x * n.y + harmonics[5] * n.y * n.z + harmonics[7] * n.x * n.z)
        + harmonics[6] * 0.315392 * (3.0 * n.z * n.z - 1.0)
        + harmonics[8] * 0.546274 * (n.x * n.x - n.y * n.y);
}
void main() {
    mat4 m = bone();
    vec4 seen = m * vec4(position, 1.0);
    v_normal = normalize(mat3(m) * normal + vec3(0.0, 0.0, 1e-6));
    v_eye = seen.xyz;
    v_uv = vec2(uv.x, 1.0 - uv.y);
    v_ambient = max(irradiance(v_normal), vec3(0.0)) * paint.x;
    v_shadow = (light_view * seen).xyz * 0.5 + 0.5;
    v_paint = paint.yzw;
    v_mesh = position;
    gl_Position = projection * seen;
}
"""
)

FRAGMENT = """#version 330
uniform sampler2D picture; uniform sampler2D skin_head; uniform sampler2DShadow shadow_map;
uniform int kind;            // 0 plain, 1 textured, 2 skin
uniform int pass_kind;       // 0 solid, 1 solid part of a cut-out, 2 soft rest of a cut-out, 3 glass
uniform vec4 head_rect; uniform vec3 tint; uniform float opacity; uniform float gloss; uniform bool two_sided;
uniform vec3 key_direction; uniform vec3 key_colour; uniform float exposure; uniform bool infrared;
uniform vec4 beard; uniform vec4 scalp;
in vec3 v_normal; in vec3 v_eye; in vec2 v_uv; in vec3 v_ambient; in vec3 v_shadow; in vec3 v_paint;
in vec3 v_mesh; out vec4 colour;
float hash(vec3 p) { return fract(sin(dot(p, vec3(12.9898, 78.233, 37.719))) * 43758.5453); }
void main() {
    vec3 albedo = tint; float alpha = opacity; float shine = gloss;
    if (kind == 1) {
        vec4 t = texture(picture, v_uv);
        albedo *= pow(t.rgb, vec3(2.2)); alpha *= t.a;
    } else if (kind == 2) {
        vec2 r = (v_uv - head_rect.xy) / head_rect.zw;
        bool in_head = all(greaterThan(r, vec2(0.0))) && all(lessThan(r, vec2(1.0)));
        vec3 t = in_head ? texture(skin_head, r).rgb : texture(picture, v_uv).rgb;
        albedo *= pow(t, vec3(2.2));
        albedo = mix(albedo, scalp.rgb, v_paint.x * scalp.a);
        float stubble = 0.55 + 0.45 * hash(floor(v_mesh * 60.0));
        albedo = mix(albedo, beard.rgb, clamp(v_paint.y * beard.a * stubble * 1.2, 0.0, 0.93));
        albedo *= 1.0 - 0.88 * v_paint.z;
        shine *= 1.0 - v_paint.z;
    }
    if (pass_kind == 1 && alpha < 0.5) discard;
    if (pass_kind == 2 && (alpha >= 0.5 || alpha < 0.03)) discard;
    if (infrared) {
        float bright = max(albedo.r, max(albedo.g, albedo.b));
        albedo = vec3(kind == 2 ? mix(0.55, bright, 0.35) : mix(0.2, bright, 0.7));
    }
    vec3 n = normalize(v_normal);
    vec3 view = normalize(-v_eye);
    if (two_sided && dot(n, view) < 0.0) n = -n;
    float facing = dot(n, key_direction);
    float lit = 0.0;
    if (facing > -0.15) {
        vec3 at = vec3(v_shadow.xy, v_shadow.z - 0.004);
        vec2 texel = vec2(1.0 / 384.0);
        lit = 0.25 * (texture(shadow_map, at + vec3(texel * vec2(0.7, 0.3), 0.0))
            + texture(shadow_map, at + vec3(texel * vec2(-0.3, 0.7), 0.0))
            + texture(shadow_map, at + vec3(texel * vec2(-0.7, -0.3), 0.0))
            + texture(shadow_map, at + vec3(texel * vec2(0.3, -0.7), 0.0)));
    }
    // Light bleeds through skin: the edge of the shadow is softer and redder than that of cloth.
    vec3 soft = kind == 2 ? vec3(0.20, 0.10, 0.06) : vec3(0.02);
    vec3 diffuse = max((vec3(facing) + soft) / (1.0 + soft), vec3(0.0)) * lit;
    vec3 light = v_ambient + key_colour * diffuse;
    vec3 half_way = normalize(view + key_direction);
    float power = mix(12.0, 90.0, gloss);
    float spark = pow(max(dot(n, half_way), 0.0), power) * (power + 8.0) / 25.0 * shine * 0.05;
    float rim = pow(1.0 - max(dot(n, view), 0.0), 4.0) * 0.35 * shine;
    vec3 radiance = albedo * light + (spark * lit) * key_colour + rim * 0.3 * v_ambient;
    vec3 seen = pow(vec3(1.0) - exp(-exposure * radiance), vec3(1.0 / 2.2));
    if (infrared) seen = vec3(dot(seen, vec3(0.3, 0.5, 0.2)));
    if (pass_kind == 0 || pass_kind == 1) alpha = 1.0;
    colour = vec4(seen * alpha, alpha);
}
"""
