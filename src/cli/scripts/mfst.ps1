# PowerShell completion for mfst

Register-ArgumentCompleter -Native -CommandName mfst -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
        Select-Object -Skip 1 | ForEach-Object { $_.ToString() })
    # An empty argument is lost on its way to a program unless it is quoted, and PowerShell 7.3 changed how.
    $current = if ($wordToComplete) { $wordToComplete } elseif ($PSNativeCommandArgumentPassing) { '' } else { '""' }
    mfst __complete @words $current 2>$null | Where-Object { -not $_.StartsWith(':') } | ForEach-Object {
        $value, $description = $_ -split "`t", 2
        if (-not $description) { $description = $value }
        [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $description)
    }
}
