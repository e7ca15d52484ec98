"""`nodeagent completion SHELL`: the script a shell reads once to complete commands, profiles and devices."""

import click
from click.shell_completion import ShellComplete, get_completion_class


@click.command(name="completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash:  nodeagent completion bash > ~/.local/share/bash-completion/completions/nodeagent
    zsh:   nodeagent completion zsh > "${fpath[1]}/_nodeagent"
    fish:  nodeagent completion fish > ~/.config/fish/completions/nodeagent.fish
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"click has no completion for {shell!r}")
    completer = kind(context.find_root().command, {}, "nodeagent", "_NODEAGENT_COMPLETE")
    # BashComplete.source starts a bash to ask for its version; the script is the same for all of them.
    click.echo(ShellComplete.source(completer))
